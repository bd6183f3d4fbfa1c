/// Why routing data could not be read or a text could not be routed.
public struct RoutingError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        case unreadableFile
        case malformedFile
        case limitExceeded
        case unknownCandidate
        case embedderFailed
        /// The client left.
        case cancelled
    }

    public var code: Code
    /// For a person: what was found, and what was expected.
    public var message: String
    /// The file, with a line where one is known.
    public var place: String?

    public init(_ code: Code, _ message: String, place: String? = nil) {
        self.code = code
        self.message = message
        self.place = place
    }

    public var description: String { place.map { "\($0): \(message)" } ?? message }
}
