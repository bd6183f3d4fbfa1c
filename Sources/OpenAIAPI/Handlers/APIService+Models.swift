import JSON

extension APIService {
    func listModels(_ exchange: Exchange) throws {
        if Self.isAnthropic(exchange) { exchange.errors = .anthropic }
        let services = try ready()
        let models = models(services, exchange)
        if Self.isAnthropic(exchange) { return exchange.respond(try anthropicModels(exchange, models)) }
        let encoder = encoder(services).map { [$0] } ?? []
        exchange.respond(["object": "list", "data": .array((models + encoder).map(json))])
    }

    func model(_ exchange: Exchange, _ id: String) throws {
        if Self.isAnthropic(exchange) { exchange.errors = .anthropic }
        let services = try ready()
        guard id.utf8.count <= JSONCursor.longestName else {
            throw APIError(.modelNotFound, "There is no model with a name of \(id.utf8.count) bytes.", param: "model")
        }
        // A slash of the name, which the path keeps encoded.
        let id = id.replacing("%2F", with: "/")
        let name: String? =
            switch names(services, exchange).selection(id) {
            case .base: services.backend.baseModelName
            case .automatic: "auto"
            case .adapter(let adapter): adapter
            case .merged, nil: nil
            }
        let encoder = encoder(services).map { id == "encoder" || id == $0.id ? [$0] : [] } ?? []
        guard let model = (models(services, exchange) + encoder).first(where: { $0.id == name || encoder == [$0] }) else {
            throw APIError(.modelNotFound, "\(ModelSelection.unknown(id))", param: "model")
        }
        exchange.respond(Self.isAnthropic(exchange) ? anthropicModel(model) : json(model))
    }

    /// What the catalogue serves to this caller, and `auto`.
    func models(_ services: APIServices, _ exchange: Exchange) -> [ServedModel] {
        let served = services.catalogue.models().filter {
            $0.parent == nil || services.catalogue.admits(exchange.caller, to: $0.id)
        }
        let automatic = ServedModel(
            id: "auto", created: served.first?.created ?? clock(), root: "auto",
            parent: services.backend.baseModelName, contextLength: services.backend.contextLength)
        return served + [automatic]
    }

    /// The model of `/v1/embeddings`; nil without one.
    private func encoder(_ services: APIServices) -> ServedModel? {
        services.embeddings.map {
            ServedModel(
                id: $0.name, created: services.catalogue.models().first?.created ?? clock(), root: "encoder", parent: nil,
                contextLength: $0.maxTokens)
        }
    }

    private func json(_ model: ServedModel) -> JSONValue {
        [
            "id": .string(model.id), "object": "model", "created": .integer(Int64(model.created)), "owned_by": "lmoe",
            "root": .string(model.root), "parent": model.parent.map(JSONValue.string) ?? .null,
            "max_model_len": .integer(Int64(model.contextLength)),
        ]
    }
}
