import JSON

/// The server whose error format is used.
enum ErrorDialect: Sendable {
    case openAI
    /// `{"error", "error_type"}`, with LoRAX's statuses.
    case lorax
    /// OpenAI's object with the HTTP status as `code` and vLLM's type names, for its adapter endpoints.
    case vllm

    func status(_ error: APIError) -> Int {
        let status = ErrorTable.row(error.code).status
        switch self {
        case .openAI: return status
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

    func body(_ error: APIError) -> JSONValue {
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
