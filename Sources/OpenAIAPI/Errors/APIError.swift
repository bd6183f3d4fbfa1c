import Generation
import JSON

/// Why a request is refused or failed, in any dialect. `ErrorTable` says which HTTP status and OpenAI type a code has.
public struct APIError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable, CaseIterable {
        /// The body, a field or a header is not what the endpoint takes; `param` says where.
        case invalidRequest
        case contextLengthExceeded
        /// The schema, expression or grammar of the answer is not one.
        case invalidFormat
        /// It uses something that cannot be enforced.
        case unsupportedFormat
        /// It is larger than the limits allow.
        case formatTooComplex
        case missingAPIKey
        case invalidAPIKey
        /// The key is fine, but adapters are managed with an admin key.
        case adminKeyRequired
        /// A page of another site asks for something that changes this server.
        case originNotAllowed
        /// Adding adapters over HTTP is switched off.
        case importsDisabled
        /// No model or adapter that is served has the name in `model` or in an extension.
        case modelNotFound
        /// The adapter of a management request is not there.
        case adapterNotFound
        /// An adapter of that name is there already.
        case adapterExists
        /// The folder is there, but it does not load.
        case adapterRejected
        /// No uploaded file has that identity, or it is another key's.
        case fileNotFound
        /// No fine-tuning job has that identity, or it is another key's.
        case jobNotFound
        /// No fact has that identity, or its memory is not for this caller.
        case factNotFound
        /// A stored fact answers the question with something else.
        case factConflict
        /// No stored response has that identity, or it is another key's.
        case responseNotFound
        /// The same for the response that a request goes on from.
        case previousResponseNotFound
        /// As many files, bytes or jobs as the limits allow are there.
        case quotaExceeded
        case unknownPath
        case methodNotAllowed
        case payloadTooLarge
        case overloaded
        /// The time that the adapter has for a request was over before its answer began.
        case timedOut
        /// The models are still loading.
        case loading
        case draining
        /// The service was started without the part that this endpoint needs.
        case notConfigured
        case internalFailure
    }

    public var code: Code
    /// For a person: what was found, what was expected.
    public var message: String
    /// Path in the request body, like `messages[0].role`.
    public var param: String?
    public var retryAfterSeconds: Int?
    /// For the log, never for the client: what went wrong inside the server.
    public var cause: String?
    /// For the header `Allow` of `methodNotAllowed`.
    var allowedMethods: String?

    public init(_ code: Code, _ message: String, param: String? = nil, retryAfterSeconds: Int? = nil) {
        self.code = code
        self.message = message
        self.param = param
        self.retryAfterSeconds = retryAfterSeconds
    }

    /// A failure of the server itself.
    ///
    /// - Parameters:
    ///   - place: what failed, for the client, in a few words: no path and no message of the system.
    ///   - cause: for the log.
    public init(failed place: String, cause: String) {
        self.init(.internalFailure, "\(place); the server's log says more under the request's id")
        self.cause = cause
    }

    public var description: String { message }

    init(_ code: Code, _ message: String, allowedMethods: String) {
        self.init(code, message)
        self.allowedMethods = allowedMethods
    }
}

extension APIError {
    public init(_ error: GenerationError) {
        let code: Code =
            switch error.code {
            case .invalidRequest, .adapterUnsuitable: .invalidRequest
            case .contextLengthExceeded: .contextLengthExceeded
            case .invalidFormat: .invalidFormat
            case .unsupportedFormat: .unsupportedFormat
            case .formatTooComplex: .formatTooComplex
            case .adapterNotFound, .memoryNotFound: .modelNotFound
            case .adapterRejected, .memoryRejected: .adapterRejected
            case .overloaded: .overloaded
            case .draining: .draining
            case .unknownCandidate: .invalidRequest
            case .internalFailure, .cancelled: .internalFailure
            }
        let param: String? =
            switch error.code {
            case .adapterNotFound, .adapterRejected: "model"
            case .memoryNotFound, .memoryRejected: "memory"
            case .unknownCandidate: "route.candidates"
            default: error.field
            }
        if code == .internalFailure {
            self.init(failed: Self.unanswered, cause: error.description)
        } else {
            self.init(code, error.message, param: param, retryAfterSeconds: error.retryAfterSeconds)
            cause = error.cause
        }
    }

    private static let unanswered = "the server failed to answer this request"

    /// A body that is not JSON, or a value in it of the wrong kind.
    public init(_ error: JSONError) {
        guard let path = error.path else {
            let isJSON = error.code == .tooMany || error.code == .tooDeep
            self.init(.invalidRequest, isJSON ? "the body: \(error.message)" : "the body is not valid JSON: \(error.description)")
            return
        }
        let place = path.isEmpty ? "the body" : "`\(path)`"
        self.init(.invalidRequest, "\(place): \(error.message)", param: path.isEmpty ? nil : path)
    }

    /// Any error that a handler threw. An unknown one is an internal failure: the log gets its text, and the client does not.
    init(reaching error: any Error) {
        switch error {
        case let error as APIError: self = error
        case let error as JSONError: self.init(error)
        case let error as GenerationError: self.init(error)
        default: self.init(failed: Self.unanswered, cause: "\(error)")
        }
    }
}
