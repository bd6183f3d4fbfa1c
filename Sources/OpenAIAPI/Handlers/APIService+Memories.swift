import Generation
import JSON
import UV

/// `/v1/memories`: facts that are told while the service runs.
extension APIService {
    func tellFacts(_ exchange: Exchange) throws {
        let memories = try memories()
        try read(exchange) { [fields] document in
            try MemoryRequest(document, fields: fields, limits: memories.limits)
        } then: { [self] request in
            run(exchange) { [self] in
                let memory = try await memory(request.memory, exchange)
                let results = try await memories.tell(memory, request.facts, onConflict: request.onConflict)
                if request.isList { return exchange.respond(MemoryShape.list(results)) }
                guard let result = results.first else { return }
                let stored = try result.get()
                exchange.respond(MemoryShape.fact(stored.fact, stored.outcome))
            }
        }
    }

    func listFacts(_ exchange: Exchange) throws {
        let memories = try memories()
        let query = ListQuery(request: exchange.request)
        let (place, text, name) = (try query.place(standard: 20, most: memories.limits.page), try query.text("contains"), try query.text("memory"))
        run(exchange) { [self] in
            let memory = try await memory(name, exchange)
            var after: UInt64?
            if let given = place.after {
                let name = try FactName(given)
                guard name.memory == memory else { throw APIError(.invalidRequest, "`after`: `\(given)` is no fact of \(memory)", param: "after") }
                after = name.id
            }
            let page = try await memories.facts(memory, after: after, limit: place.limit, containing: text)
            exchange.respond(MemoryShape.page(page, of: memory))
        }
    }

    func fact(_ exchange: Exchange, _ id: String) throws {
        let (memories, name) = (try memories(), try FactName(id))
        run(exchange) { [self] in
            let memory = try await memory(name.memory, exchange)
            exchange.respond(MemoryShape.fact(try await memories.fact(memory, name.id)))
        }
    }

    func changeFact(_ exchange: Exchange, _ id: String) throws {
        let (memories, name) = (try memories(), try FactName(id))
        try read(exchange) { [fields] document in
            try FactChange(document, fields: fields, limits: memories.limits)
        } then: { [self] change in
            run(exchange) { [self] in
                let memory = try await memory(name.memory, exchange)
                exchange.respond(MemoryShape.fact(try await memories.change(memory, name.id, change)))
            }
        }
    }

    func forgetFact(_ exchange: Exchange, _ id: String) throws {
        let (memories, name) = (try memories(), try FactName(id))
        run(exchange) { [self] in
            let memory = try await memory(name.memory, exchange)
            try await memories.forget(memory, [name.id])
            exchange.respond(MemoryShape.deleted(name))
        }
    }

    private func memories() throws(APIError) -> any MemoryService {
        guard let memories = try ready().memories else {
            throw APIError(
                .notConfigured, "This server can be told no facts: that needs an encoder with word pieces (--encoder) and a base with a chat template.")
        }
        return memories
    }

    /// The memory that a request means: the one that it names, that of the settings, or the only one. One that the caller may not use is like
    /// one that is not there.
    private func memory(_ name: String?, _ exchange: Exchange) async throws -> String {
        let services = try ready()
        let (catalogue, caller) = (services.catalogue, exchange.caller)
        let known = try await memories().memories().filter { catalogue.admits(caller, to: $0) }
        if let name {
            guard known.contains(name) else {
                throw APIError(.modelNotFound, "There is no memory `\(name)`, or you do not have access to it. `lmoe remember --memory \(name)` makes one.", param: "memory")
            }
            return name
        }
        if let preset = configuration.memories.first(where: known.contains) { return preset }
        guard let only = known.first, known.count == 1 else {
            let found = known.isEmpty ? "there is none; `lmoe remember` makes one" : "there are \(known.joined(separator: ", "))"
            throw APIError(.invalidRequest, "`memory`: expected the name of a memory; \(found)", param: "memory")
        }
        return only
    }
}
