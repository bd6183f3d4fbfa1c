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
    static func checkLength(of name: String) throws(APIError) {
        guard name.utf8.count <= JSONCursor.longestName else {
            throw APIError(.adapterNotFound, "There is no adapter with a name of \(name.utf8.count) bytes.")
        }
    }

    private static func mayKnow(_ name: String, _ exchange: Exchange, _ services: APIServices) -> Bool {
        exchange.isAdmin || services.catalogue.admits(exchange.caller, to: name)
    }

    /// `PUT /v1/adapters/{name}` with `{"source": "folder"}`: a relative path inside the import folder, which the
    /// operator chose; the server reads no other place for a client. Without an import folder it is refused.
    /// With `{"uploaded": true}` the files that were uploaded before are published. `replace` replaces an adapter of that name.
    func addAdapter(_ exchange: Exchange, _ name: String) throws {
        try Self.checkLength(of: name)
        let adapters = try accepting().adapters
        try read(exchange) { [fields] document in
            try fields.check(document, ["source", "uploaded", "replace"])
            let isUploaded = try document["uploaded"].optionalBool() ?? false
            let source: String? = try isUploaded ? document["source"].optionalString() : document["source"].string()
            guard !isUploaded || source == nil else { throw document["source"].invalid("expected nothing beside `uploaded`") }
            return AdapterWish(source: source, replaces: try document["replace"].optionalBool() ?? false)
        } then: { [self] (wish: AdapterWish) in
            run(exchange) {
                let report =
                    if let source = wish.source {
                        try await adapters.add(name, source: source, replaces: wish.replaces)
                    } else {
                        try await adapters.publish(name, replaces: wish.replaces)
                    }
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

/// What a request to add an adapter says.
private struct AdapterWish: Sendable {
    /// A folder inside the import folder; nil: the files that were uploaded.
    var source: String?
    var replaces: Bool
}
