import Generation
import JSON
import UV

extension Endpoint {
    static let responses: [Endpoint] = [
        Endpoint("POST", "/v1/responses", .generation) { service, exchange, _ in try service.respond(exchange) },
        Endpoint("POST", "/v1/responses/input_tokens", .generation) { service, exchange, _ in try service.countInput(exchange) },
        Endpoint("GET", "/v1/responses/{id}") { service, exchange, ids in try service.response(exchange, ids[0]) },
        Endpoint("DELETE", "/v1/responses/{id}") { service, exchange, ids in try service.deleteResponse(exchange, ids[0]) },
        Endpoint("GET", "/v1/responses/{id}/input_items") { service, exchange, ids in try service.inputItems(exchange, ids[0]) },
        Endpoint("POST", "/v1/responses/{id}/cancel") { service, exchange, ids in try service.cancelResponse(exchange, ids[0]) },
    ]
}

/// A streamed response that is not complete.
struct RunningResponse {
    var run: GenerationRun
    var owner: ResponseStore.Owner
    /// Called at its end; nil: it failed.
    var waiting: [@LoopActor (JSONValue?) -> Void] = []
    /// It is not kept.
    var isDeleted = false
}

extension APIService {
    func respond(_ exchange: Exchange) throws {
        let services = try accepting()
        let reader = reader(services, exchange)
        try read(exchange) { document in
            try ResponseRequest(document, reader)
        } then: { [self] request in
            let owner = exchange.owner.identity
            let items = try conversation(request, owner)
            let job = try job(request, items)
            let id = identity("resp_")
            let run = generate(exchange, job, id: id, shape: ResponseShape(echo: request.echo), services) { [self] answer, shape in
                let response = answer.map { shape.whole($0) }
                let running = runningResponses.removeValue(forKey: id)
                if let response, request.isStored, running?.isDeleted != true { keep(id, response, after: items, owner) }
                for waiting in running?.waiting ?? [] { waiting(response) }
            }
            if job.isStream, !run.isOver { runningResponses[id] = RunningResponse(run: run, owner: owner) }
        }
    }

    /// OpenAI's count of what a request would be given.
    func countInput(_ exchange: Exchange) throws {
        let services = try accepting()
        let reader = reader(services, exchange)
        try read(exchange) { document in
            try ResponseRequest(document, reader)
        } then: { [self] (request: ResponseRequest) in
            let items = try conversation(request, exchange.owner.identity)
            let job = try job(request, items)
            count(exchange, job, services) { ["object": "response.input_tokens", "input_tokens": .integer(Int64($0))] }
        }
    }

    private func job(_ request: ResponseRequest, _ items: [ResponseItem]) throws(APIError) -> GenerationJob {
        var turns = ChatMessage.turns(items)
        guard !turns.isEmpty else { throw APIError(.invalidRequest, "`input`: expected a message", param: "input") }
        if let instructions = request.instructions { turns.insert(ChatMessage(role: "system", content: instructions), at: 0) }
        var job = request.job
        job.prompts = [RequestReader.prompt(turns, tools: request.tools, job.toolChoice)]
        return job
    }

    /// What came before, and the new items with what they refer to. All have an identity.
    private func conversation(_ request: ResponseRequest, _ owner: ResponseStore.Owner) throws(APIError) -> [ResponseItem] {
        var items: [ResponseItem] = []
        if let previous = request.previous {
            guard let entry = responses.entry(previous, of: owner) else {
                throw APIError(
                    .previousResponseNotFound, "Previous response with id '\(previous)' not found: it is kept for a while, unless it was made with `store` false.",
                    param: "previous_response_id")
            }
            items = entry.items
        }
        let references = request.input.filter { $0.content == .reference }
        let found = responses.items(Set(references.map(\.id)), of: owner)
        for var item in request.input {
            if item.content == .reference {
                guard let stored = found[item.id] else {
                    throw APIError(.invalidRequest, "`\(item.place)`: no stored item has the id '\(item.id)'", param: item.place)
                }
                item = stored
            }
            if item.id.isEmpty { item.id = identity(item.idPrefix) }
            items.append(item)
        }
        guard items.count <= limits.messages else {
            throw APIError(
                .invalidRequest, "`input`: \(items.count) items with those before; at most \(limits.messages) are taken", param: "input")
        }
        return items
    }

    private func keep(_ id: String, _ response: JSONValue, after items: [ResponseItem], _ owner: ResponseStore.Owner) {
        let answered = (response["output"]?.arrayValue ?? []).map(ResponseItem.init(answered:))
        responses.keep(
            id,
            .init(
                response: response.serializedBytes(), items: items + answered, inputCount: items.count, created: clock(), owner: owner))
    }

    // MARK: Stored responses

    func response(_ exchange: Exchange, _ id: String) throws {
        if try ListQuery(request: exchange.request).choice("stream", ["true", "false"]) == "true" {
            throw APIError(.invalidRequest, "`stream`: a stored response is not streamed again", param: "stream")
        }
        exchange.respond(bytes: try stored(id, exchange).response, type: "application/json", status: 200, headers: [:])
    }

    /// A stream that another request reads ends with what it has, and is not kept.
    func deleteResponse(_ exchange: Exchange, _ id: String) throws {
        let deleted: JSONValue = ["id": .string(id), "object": "response", "deleted": true]
        if isRunning(id, exchange) {
            runningResponses[id]?.isDeleted = true
            runningResponses[id]?.waiting.append { _ in exchange.respond(deleted) }
            runningResponses[id]?.run.stop()
            return
        }
        guard responses.delete(id, of: exchange.owner.identity) else { throw Self.unknownResponse(id) }
        exchange.respond(deleted)
    }

    private func isRunning(_ id: String, _ exchange: Exchange) -> Bool {
        id.utf8.count <= JSONCursor.longestName && runningResponses[id]?.owner == exchange.owner.identity
    }

    /// A page of what the answer was given, newest first unless `order` is `asc`.
    func inputItems(_ exchange: Exchange, _ id: String) throws {
        let entry = try stored(id, exchange)
        let query = ListQuery(request: exchange.request)
        let place = try query.place(standard: 20, most: 100)
        let isAscending = try query.choice("order", ["asc", "desc"]) == "asc"
        let all = Array(entry.items[..<entry.inputCount])
        var rest = (isAscending ? all : all.reversed())[...]
        if let after = place.after {
            guard let index = rest.firstIndex(where: { $0.id == after }) else {
                throw APIError(.invalidRequest, "`after`: the response has no such item", param: "after")
            }
            rest = rest[(index + 1)...]
        }
        let page = rest.prefix(place.limit)
        exchange.respond([
            "object": "list", "data": .array(page.map(\.json)), "first_id": page.first.map { .string($0.id) } ?? .null,
            "last_id": page.last.map { .string($0.id) } ?? .null, "has_more": .bool(page.count < rest.count),
        ])
    }

    /// Ends a stream that another request reads, with what it has. A response that is complete stays as it is.
    func cancelResponse(_ exchange: Exchange, _ id: String) throws {
        guard isRunning(id, exchange) else { return try response(exchange, id) }
        runningResponses[id]?.waiting.append { response in
            if let response { exchange.respond(response) } else { exchange.fail(Self.unknownResponse(id)) }
        }
        runningResponses[id]?.run.stop()
    }

    private func stored(_ id: String, _ exchange: Exchange) throws(APIError) -> ResponseStore.Entry {
        guard let entry = responses.entry(id, of: exchange.owner.identity) else { throw Self.unknownResponse(id) }
        return entry
    }

    private static func unknownResponse(_ id: String) -> APIError {
        APIError(.responseNotFound, id.utf8.count <= JSONCursor.longestName ? "Response with id '\(id)' not found." : "No response has so long an id.")
    }
}
