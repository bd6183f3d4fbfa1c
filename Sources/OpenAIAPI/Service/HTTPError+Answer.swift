import HTTP
import JSON

extension APIService {
    /// The answer to a request that the server refuses before it reaches `handle`: too large, too slow, not HTTP. In
    /// OpenAI's shape, and readable for pages: the origin is not known then, and there is nothing secret in it.
    public nonisolated static func errorAnswer(cors: CORSPolicy) -> HTTPServer.ErrorAnswer {
        { error in
            var headers: HTTPHeaders = ["Content-Type": "application/json"]
            if cors.origins != .none { headers["Access-Control-Allow-Origin"] = "*" }
            let (type, code): (String, JSONValue) =
                switch error.code {
                case .contentTooLarge: ("invalid_request_error", "payload_too_large")
                case .unavailable: ("server_error", "too_many_connections")
                default: ("invalid_request_error", .null)
                }
            if error.code == .unavailable { headers["retry-after"] = "1" }
            let body: JSONValue = [
                "error": ["message": .string(error.message), "type": .string(type), "param": nil, "code": code]
            ]
            return (headers, body.serializedBytes())
        }
    }
}
