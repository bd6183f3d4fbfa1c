import HTTP
import JSON

/// Uploads of adapters' files; `PUT /v1/adapters/{name}` publishes them.
extension APIService {
    /// The body is the file, or with `Content-Range: bytes FIRST-LAST/TOTAL` a piece of it, in order: so no body is larger than others are.
    func receiveAdapterFile(_ exchange: Exchange, adapter: String, file: String) throws {
        try Self.checkLength(of: adapter)
        let adapters = try accepting().adapters
        let piece = try AdapterPiece(adapter: adapter, file: file, range: exchange.request.headers.values("Content-Range"), exchange.takeBody())
        run(exchange) {
            let received = try await adapters.receive(piece)
            exchange.respond([
                "name": .string(adapter), "object": "adapter.file", "file": .string(file), "bytes": .integer(Int64(received)),
                "complete": .bool(received == piece.total),
            ])
        }
    }

    func discardUpload(_ exchange: Exchange, _ name: String) throws {
        try Self.checkLength(of: name)
        let adapters = try accepting().adapters
        run(exchange) {
            try await adapters.discardUpload(name)
            exchange.respond(["name": .string(name), "object": "adapter.upload", "deleted": true])
        }
    }
}
