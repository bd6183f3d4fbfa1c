import JSON

/// Management of the adapters folder.
extension APIService {
    func listAdapters(_ exchange: Exchange) throws {
        let services = try ready()
        run(exchange) {
            let reports = try await services.adapters.list().filter { Self.mayKnow($0.name, exchange, services) }
            let shown = reports.map { report in report.naming { Self.mayKnow($0, exchange, services) }.json }
            exchange.respond(["object": "list", "data": .array(shown)])
        }
    }

    func adapter(_ exchange: Exchange, _ name: String) throws {
        let services = try ready()
        try Self.checkLength(of: name)
        guard Self.mayKnow(name, exchange, services) else {
            throw APIError(.adapterNotFound, "There is no adapter `\(name)`.")
        }
        run(exchange) {
            exchange.respond(try await services.adapters.report(name).naming { Self.mayKnow($0, exchange, services) }.json)
        }
    }

    /// Looking up a long name could take very long.
    private static func checkLength(of name: String) throws(APIError) {
        guard name.utf8.count <= JSONCursor.longestName else {
            throw APIError(.adapterNotFound, "There is no adapter with a name of \(name.utf8.count) bytes.")
        }
    }

    private static func mayKnow(_ name: String, _ exchange: Exchange, _ services: APIServices) -> Bool {
        exchange.isAdmin || services.catalogue.admits(exchange.caller, to: name)
    }

    /// `PUT /v1/adapters/{name}` with `{"source": "folder"}`: a relative path inside the import folder, which the
    /// operator chose; the server reads no other place for a client. Without an import folder it is refused.
    func addAdapter(_ exchange: Exchange, _ name: String) throws {
        try Self.checkLength(of: name)
        let adapters = try accepting().adapters
        try read(exchange) { [fields] document in
            try fields.check(document, ["source"])
            return try document["source"].string()
        } then: { [self] source in
            run(exchange) {
                let report = try await adapters.add(name, source: source)
                exchange.respond(report.json, status: 201)
            }
        }
    }

    func removeAdapter(_ exchange: Exchange, _ name: String) throws {
        try Self.checkLength(of: name)
        let adapters = try accepting().adapters
        run(exchange) {
            try await adapters.remove(name)
            exchange.respond(["name": .string(name), "object": "adapter", "deleted": true])
        }
    }
}
