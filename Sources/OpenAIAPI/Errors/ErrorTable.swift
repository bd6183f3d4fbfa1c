/// The one table from codes to HTTP statuses and OpenAI's `type` and `code` strings.
enum ErrorTable {
    struct Row: Equatable {
        var status: Int
        var type: String
        /// OpenAI's `code`; nil is null.
        var code: String?
    }

    static func row(_ code: APIError.Code) -> Row {
        switch code {
        case .invalidRequest: Row(status: 400, type: "invalid_request_error", code: nil)
        case .contextLengthExceeded:
            Row(status: 400, type: "invalid_request_error", code: "context_length_exceeded")
        case .invalidFormat: Row(status: 400, type: "invalid_request_error", code: "invalid_schema")
        case .unsupportedFormat: Row(status: 400, type: "invalid_request_error", code: "unsupported_schema")
        case .formatTooComplex: Row(status: 400, type: "invalid_request_error", code: "schema_too_complex")
        case .adapterRejected: Row(status: 400, type: "invalid_request_error", code: "adapter_rejected")
        case .missingAPIKey: Row(status: 401, type: "authentication_error", code: "missing_api_key")
        case .invalidAPIKey: Row(status: 401, type: "authentication_error", code: "invalid_api_key")
        case .adminKeyRequired: Row(status: 403, type: "permission_error", code: "admin_key_required")
        case .originNotAllowed: Row(status: 403, type: "permission_error", code: "origin_not_allowed")
        case .importsDisabled: Row(status: 403, type: "permission_error", code: "imports_disabled")
        case .modelNotFound: Row(status: 404, type: "invalid_request_error", code: "model_not_found")
        case .adapterNotFound: Row(status: 404, type: "invalid_request_error", code: "adapter_not_found")
        case .fileNotFound: Row(status: 404, type: "invalid_request_error", code: nil)
        case .jobNotFound: Row(status: 404, type: "invalid_request_error", code: "fine_tune_not_found")
        case .factNotFound: Row(status: 404, type: "invalid_request_error", code: "fact_not_found")
        case .factConflict: Row(status: 409, type: "invalid_request_error", code: "fact_conflict")
        case .responseNotFound: Row(status: 404, type: "invalid_request_error", code: nil)
        case .previousResponseNotFound: Row(status: 400, type: "invalid_request_error", code: "previous_response_not_found")
        case .quotaExceeded: Row(status: 400, type: "invalid_request_error", code: "quota_exceeded")
        case .unknownPath: Row(status: 404, type: "invalid_request_error", code: "unknown_url")
        case .methodNotAllowed: Row(status: 405, type: "invalid_request_error", code: "method_not_allowed")
        case .adapterExists: Row(status: 409, type: "invalid_request_error", code: "adapter_exists")
        case .payloadTooLarge: Row(status: 413, type: "invalid_request_error", code: "payload_too_large")
        case .overloaded: Row(status: 429, type: "rate_limit_error", code: "rate_limit_exceeded")
        case .internalFailure: Row(status: 500, type: "server_error", code: nil)
        case .notConfigured: Row(status: 501, type: "invalid_request_error", code: "not_configured")
        case .loading: Row(status: 503, type: "server_error", code: "loading")
        case .timedOut: Row(status: 504, type: "server_error", code: "timeout")
        case .draining: Row(status: 503, type: "server_error", code: "draining")
        }
    }
}
