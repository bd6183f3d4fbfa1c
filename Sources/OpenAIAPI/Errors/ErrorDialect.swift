import JSON

/// The server whose error format is used.
enum ErrorDialect: Sendable {
    case openAI
    /// `{"error", "error_type"}`, with LoRAX's statuses.
    case lorax
    /// OpenAI's object with the HTTP status as `code` and vLLM's type names, for its adapter endpoints.
    case vllm
    /// `{"type": "error", "error": {"type", "message"}, "request_id"}`, with Anthropic's statuses.
    case anthropic
    /// `{"error": text}`
    case ollama

    /// Whose fields such a request has.
    var owner: String {
        switch self {
        case .openAI: "OpenAI's"
        case .lorax: "LoRAX's"
        case .vllm: "vLLM's"
        case .anthropic: "Anthropic's"
        case .ollama: "Ollama's"
        }
    }

    func status(_ error: APIError) -> Int {
        let status = ErrorTable.row(error.code).status
        switch self {
        case .openAI, .ollama: return status
        case .anthropic: return error.code == .overloaded ? 529 : status
        case .lorax:
            switch error.code {
            case .invalidRequest, .contextLengthExceeded, .invalidFormat, .unsupportedFormat, .formatTooComplex: return 422
            case .adapterRejected: return 424
            default: return status
            }
        case .vllm:
            // vLLM answers 400 when the name is loaded already.
            return error.code == .adapterExists ? 400 : status
        }
    }

    /// - Parameter requestID: Anthropic's errors have it.
    func body(_ error: APIError, requestID: String? = nil) -> JSONValue {
        let row = ErrorTable.row(error.code)
        switch self {
        case .openAI:
            return Self.object(
                message: error.message, type: row.type, param: error.param,
                code: row.code.map(JSONValue.string) ?? .null)
        case .lorax:
            let type =
                switch error.code {
                case .overloaded: "overloaded"
                case .invalidRequest, .contextLengthExceeded, .invalidFormat, .unsupportedFormat, .formatTooComplex: "validation"
                case .loading, .draining: "healthcheck"
                case .adapterRejected, .internalFailure, .timedOut: "generation"
                default: "invalid_input"
                }
            return ["error": .string(error.message), "error_type": .string(type)]
        case .vllm:
            let status = status(error)
            let type =
                switch status {
                case 404: "NotFoundError"
                case 400 where error.code != .adapterRejected: "InvalidUserInput"
                case 500...: "InternalServerError"
                default: "BadRequestError"
                }
            return Self.object(
                message: error.message, type: type, param: error.param, code: .integer(Int64(status)))
        case .anthropic:
            return [
                "type": "error", "error": ["type": .string(anthropicType(error)), "message": .string(error.message)],
                "request_id": requestID.map(JSONValue.string) ?? .null,
            ]
        case .ollama: return ["error": .string(error.message)]
        }
    }

    private func anthropicType(_ error: APIError) -> String {
        switch status(error) {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 413: "request_too_large"
        case 429: "rate_limit_error"
        case 504: "timeout_error"
        case 529: "overloaded_error"
        case 500...: "api_error"
        default: "invalid_request_error"
        }
    }

    private static func object(message: String, type: String, param: String?, code: JSONValue) -> JSONValue {
        [
            "error": [
                "message": .string(message), "type": .string(type), "param": param.map(JSONValue.string) ?? .null,
                "code": code,
            ]
        ]
    }
}
