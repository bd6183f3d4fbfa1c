internal import Dispatch
import JSON
import UV

/// Reading a body: on the loop where it is small, on a queue of its own where it is not, so that a large body delays only its
/// own request and other large ones.
extension APIService {
    /// Bodies up to this size are read on the loop: at most 5 ms.
    private static let bytesOnLoop = 16 * 1024
    /// What waits here is bounded by `HTTPLimits.allBodiesBytes`.
    private static let queue = DispatchQueue(label: "lmoe.bodies", qos: .userInitiated)

    /// Parses the body, whose top must be an object (or an array), makes a value of it with `body`, and hands the value to
    /// `then`. The bytes are released before. `then` is not called after the client has left.
    func read<Value: Sendable>(
        _ exchange: Exchange, isArray: Bool = false, _ body: @escaping @Sendable (JSONCursor) throws -> Value,
        then: @escaping @LoopActor (Value) throws -> Void
    ) throws {
        let bytes = exchange.takeBody()
        let (depth, elements) = (limits.jsonDepth, limits.jsonElements)
        guard bytes.count > Self.bytesOnLoop else {
            return try then(body(Self.document(bytes, isArray, depth, elements)))
        }
        Self.queue.async {
            let result = Result { try body(Self.document(bytes, isArray, depth, elements)) }
            LoopActor.post {
                guard !exchange.isOver else { return }
                do {
                    try then(try result.get())
                } catch {
                    exchange.fail(APIError(reaching: error))
                }
            }
        }
    }

    /// As `read`, for a body of `multipart/form-data`. The whole body is one piece of memory, of which `body` may keep slices.
    func readForm<Value: Sendable>(
        _ exchange: Exchange, _ body: @escaping @Sendable (MultipartForm) throws -> Value, then: @escaping @LoopActor (Value) throws -> Void
    ) throws {
        let boundary = try MultipartForm.boundary(exchange.request.headers["Content-Type"])
        let bytes = exchange.takeBody()
        Self.queue.async {
            let result = Result { try body(MultipartForm(bytes, boundary: boundary)) }
            LoopActor.post {
                guard !exchange.isOver else { return }
                do {
                    try then(try result.get())
                } catch {
                    exchange.fail(APIError(reaching: error))
                }
            }
        }
    }

    private nonisolated static func document(
        _ bytes: [UInt8], _ isArray: Bool, _ depth: Int, _ elements: Int
    ) throws(APIError) -> JSONCursor {
        do throws(JSONError) {
            let value = try JSONValue.parse(bytes, maxDepth: depth, maxElements: elements)
            switch value {
            case .object where !isArray, .array where isArray: return JSONCursor(value)
            default:
                throw JSONError(.wrongType, "expected a JSON \(isArray ? "array" : "object"), found \(value.kindName)", path: "")
            }
        } catch {
            throw APIError(error)
        }
    }
}
