/// Which files of a library cannot be read at the moment, and what is in force instead: for `/ready` and the log.
public struct LibraryCondition: Sendable, Equatable {
    /// Why the adapters folder cannot be read: what was served before stays in service, and nothing new is seen.
    public internal(set) var adapters: String?
    /// Why the routes folder, or a route file, cannot be read or is refused, one reason for each place. The last rules that were known
    /// are in force; where none were, no caller may use the adapter.
    public internal(set) var rules: [String] = []
    /// Why embedded examples are not kept on disk; it costs time at each start and no answer.
    public internal(set) var cache: String?

    public init() {}

    /// Adapters and rules are known as they are on disk.
    public var isCertain: Bool { adapters == nil && rules.isEmpty }

    /// All reasons, for people.
    public var reasons: [String] { [adapters, cache].compactMap(\.self) + rules }
}
