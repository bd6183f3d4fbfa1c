import Generation

/// Facts that are told, changed and forgotten while the service runs. All of it works off the loop and throws `APIError`.
public protocol MemoryService: Sendable {
    var limits: MemoryLimits { get }

    /// Names of the memories that can be told facts, sorted.
    func memories() async throws -> [String]
    /// Returns when the facts are on the disk and answer. Each is stored or has an error of its own.
    func tell(
        _ memory: String, _ facts: [ToldFact], onConflict: ToldFact.Conflict
    ) async throws -> [Result<(fact: RememberedFact, outcome: ToldFact.Outcome), APIError>]
    /// In the order of their numbers, those after `after`; with a text, those whose question or answer contains it. A call looks at
    /// `limits.scanned` facts at most.
    func facts(_ memory: String, after: UInt64?, limit: Int, containing text: String?) async throws -> FactPage
    func fact(_ memory: String, _ id: UInt64) async throws -> RememberedFact
    func change(_ memory: String, _ id: UInt64, _ change: FactChange) async throws -> RememberedFact
    /// They answer no more when it returns.
    func forget(_ memory: String, _ ids: [UInt64]) async throws
}

/// Some facts of a memory.
public struct FactPage: Sendable, Equatable {
    public var facts: [RememberedFact]
    /// The last fact that was looked at, where there may be more behind it.
    public var next: UInt64?

    public init(facts: [RememberedFact], next: UInt64?) { (self.facts, self.next) = (facts, next) }
}

/// Bounds of requests on memories; going beyond one is a 400 that says so.
public struct MemoryLimits: Sendable, Equatable {
    /// Facts of one request.
    public var facts = 256
    /// Facts that one answer lists.
    public var page = 1_000
    /// Facts that one call reads to find those that contain a text. The next call goes on behind them.
    public var scanned = 10_000
    /// Facts that wait to be written; beyond that, 429.
    public var waiting = 4_096
    /// Calls that wait to read facts; beyond that, 429.
    public var readers = 64
    public var paraphrases = 16

    public init() {}
}
