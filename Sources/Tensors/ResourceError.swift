/// The system refused memory or a thread. Owners turn it into "this adapter is refused" or "the server does not start".
public struct ResourceError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was asked for, and the system's reason.
    public var message: String

    public init(_ message: String) { self.message = message }

    public var description: String { message }
}
