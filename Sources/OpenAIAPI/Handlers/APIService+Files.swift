import Generation
import JSON

/// `/v1/files`: what fine-tuning jobs read and write.
extension APIService {
    /// Bytes of a file that are read at once.
    private static let pieceBytes = 128 << 10

    func uploadFile(_ exchange: Exchange) throws {
        let tuning = try tuning()
        guard !isDraining else { throw APIError(.draining, "The server is stopping.", retryAfterSeconds: 5) }
        try readForm(exchange) { [fields] form in
            try FileUpload(form, fields: fields, limits: tuning.limits)
        } then: { [self] upload in
            run(exchange) { exchange.respond(FineTuningShape.file(try await tuning.add(upload, owner: exchange.owner))) }
        }
    }

    func listFiles(_ exchange: Exchange) throws {
        let tuning = try tuning()
        let list = ListQuery(request: exchange.request)
        let query = FileQuery(
            place: try list.place(standard: tuning.limits.page, most: tuning.limits.page), purpose: try list.text("purpose"),
            isAscending: try list.choice("order", ["asc", "desc"]) == "asc")
        run(exchange) {
            let page = try await tuning.files(query, owner: exchange.owner)
            exchange.respond(FineTuningShape.list(page, namesEnds: true, FineTuningShape.file))
        }
    }

    func file(_ exchange: Exchange, _ id: String) throws {
        let tuning = try tuning()
        try Self.checkLength(ofFile: id)
        run(exchange) { exchange.respond(FineTuningShape.file(try await tuning.file(id, owner: exchange.owner))) }
    }

    func fileContent(_ exchange: Exchange, _ id: String) throws {
        let tuning = try tuning()
        try Self.checkLength(ofFile: id)
        let owner = exchange.owner
        run(exchange) {
            let file = try await tuning.file(id, owner: owner)
            var piece = try await tuning.content(of: id, from: 0, count: Self.pieceBytes, owner: owner)
            exchange.beginBody(type: "application/octet-stream")
            var sent = 0
            do {
                while !piece.isEmpty, await exchange.writeBody(piece) {
                    sent += piece.count
                    piece = sent < file.bytes ? try await tuning.content(of: id, from: sent, count: Self.pieceBytes, owner: owner) : []
                }
                exchange.endBody(error: sent < file.bytes ? APIError(.internalFailure, "the file \(id) became shorter while it was read") : nil)
            } catch {
                exchange.endBody(error: APIError(reaching: error))
            }
        }
    }

    func deleteFile(_ exchange: Exchange, _ id: String) throws {
        let tuning = try tuning()
        try Self.checkLength(ofFile: id)
        run(exchange) {
            try await tuning.deleteFile(id, owner: exchange.owner)
            exchange.respond(["id": .string(id), "object": "file", "deleted": true])
        }
    }

    /// The service for files and jobs. Errors: `notConfigured`.
    func tuning() throws(APIError) -> any FineTuningService {
        guard let tuning = try ready().tuning else {
            throw APIError(.notConfigured, "This server was started without a folder for files and fine-tuning jobs (--tuning-folder).")
        }
        return tuning
    }

    private static func checkLength(ofFile id: String) throws(APIError) {
        guard id.utf8.count <= JSONCursor.longestName else {
            throw APIError(.fileNotFound, "There is no file with an identity of \(id.utf8.count) bytes.", param: "id")
        }
    }
}
