/// Why a backend could not answer. `OpenAIAPI` maps the code to an HTTP status in its one error table.
public struct GenerationError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// The request can't be served as it stands (bad template input, invalid token id).
        case invalidRequest
        /// Prompt and `maxTokens` do not fit the context.
        case contextLengthExceeded
        /// No adapter of that name.
        case adapterNotFound
        /// The folder is there, but it does not load: the message says why.
        case adapterRejected
        /// A candidate of a route question is not an adapter that the router can choose.
        case unknownCandidate
        /// The queue is full; try again after `retryAfterSeconds`.
        case overloaded
        /// The client left before the request was taken.
        case cancelled
        /// The process is stopping.
        case draining
        case internalFailure
    }

    public var code: Code
    /// For people: what happened, where, and what to do.
    public var message: String
    public var retryAfterSeconds: Int?

    public init(_ code: Code, _ message: String, retryAfterSeconds: Int? = nil) {
        self.code = code
        self.message = message
        self.retryAfterSeconds = retryAfterSeconds
    }

    public var description: String { message }
}
