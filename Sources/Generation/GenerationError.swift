/// Why a backend could not answer. `OpenAIAPI` maps the code to an HTTP status in its one error table.
public struct GenerationError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// The request can't be served as it stands (bad template input, invalid token id).
        case invalidRequest
        /// The answer's form (`AnswerFormat`) is not one: a schema that contradicts itself, an expression that does not parse.
        case invalidFormat
        /// The answer's form uses something that cannot be enforced.
        case unsupportedFormat
        /// The answer's form is larger than the limits allow.
        case formatTooComplex
        /// Prompt and `maxTokens` do not fit the context.
        case contextLengthExceeded
        /// No adapter of that name.
        case adapterNotFound
        /// The folder is there, but it does not load: the message says why.
        case adapterRejected
        /// The adapter is as good as before, but it cannot answer this request: its own template refuses the messages, or its family
        /// takes no strength.
        case adapterUnsuitable
        /// No memory of that name among those that the request asks.
        case memoryNotFound
        /// A memory that the request asks does not load, or cannot look anything up.
        case memoryRejected
        /// A candidate of a route question is not an adapter that the router can choose.
        case unknownCandidate
        /// The queue is full; try again after `retryAfterSeconds`.
        case overloaded
        /// The client left before the request was taken.
        case cancelled
        /// The process is stopping.
        case draining
        case internalFailure

        /// It says something about the adapter: another one may answer the request.
        public var concernsAdapter: Bool {
            switch self {
            case .adapterNotFound, .adapterRejected, .adapterUnsuitable: true
            default: false
            }
        }
    }

    public var code: Code
    /// For people: what happened, where, and what to do. No path and no message of the system.
    public var message: String
    /// With what the system said and where, for those who run the process; nil: the message says all.
    public var cause: String?
    /// The field of the client's request that is at fault, where it is known.
    public var field: String?
    public var retryAfterSeconds: Int?

    public init(_ code: Code, _ message: String, cause: String? = nil, field: String? = nil, retryAfterSeconds: Int? = nil) {
        self.field = field
        self.code = code
        self.message = message
        self.cause = cause
        self.retryAfterSeconds = retryAfterSeconds
    }

    public var description: String { cause ?? message }
}
