import HTTP
import JSON

extension APIService {
    /// The answer to a request that the server refuses before it reaches `handle`: too large, too slow, not HTTP. In
    /// OpenAI's shape, and readable for pages of any origin: the origin is not known then, and the answer holds no secret.
    public nonisolated static func errorAnswer(cors: CORSPolicy) -> HTTPServer.ErrorAnswer {
        { error in
            var headers: HTTPHeaders = ["Content-Type": "application/json"]
            if cors.origins != .none { headers["Access-Control-Allow-Origin"] = "*" }
            let (type, code): (String, JSONValue) =
                switch error.code {
                case .contentTooLarge: ("invalid_request_error", "payload_too_large")
                case .tooManyConnections: ("server_error", "too_many_connections")
                case .bodiesFull: ("server_error", "overloaded")
                case .draining: ("server_error", "draining")
                default: ("invalid_request_error", .null)
                }
            if error.status == 503 { headers["retry-after"] = "1" }
            let body: JSONValue = [
                "error": ["message": .string(error.message), "type": .string(type), "param": nil, "code": code]
            ]
            return (headers, body.serializedBytes())
        }
    }
}
