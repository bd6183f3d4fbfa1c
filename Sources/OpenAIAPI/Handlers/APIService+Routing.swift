import Generation
import JSON
import Serving

extension APIService {
    /// The explanation, without generating.
    func route(_ exchange: Exchange) throws {
        let services = try accepting()
        try read(exchange) { [fields, limits] document in
            try RouteRequest(document, fields: fields, limits: limits)
        } then: { [self] request in
            var question = request.question
            question.caller = exchange.caller
            question.requestID = exchange.id
            question.cachePartition = exchange.cachePartition
            route(question, wantsMap: request.wantsMap, services, exchange)
        }
    }

    private func route(_ question: RouteQuestion, wantsMap: Bool, _ services: APIServices, _ exchange: Exchange) {
        run(exchange) {
            let decision = try await services.serving.decide(.automatic(question))
            exchange.record.decisions = [decision.withoutTexts]
            guard wantsMap, case .object(var body) = decision.json else { return exchange.respond(decision.json) }
            body["map"] = try await services.serving.map(of: decision) ?? .null
            exchange.respond(.object(body))
        }
    }

    func embeddings(_ exchange: Exchange) throws {
        guard let encoder = try accepting().embeddings else {
            throw APIError(.notConfigured, "This server was started without an encoder.")
        }
        try read(exchange) { [fields, limits, aliases = configuration.modelAliases] document in
            try EmbeddingRequest(document, encoder: encoder, aliases: aliases, fields: fields, limits: limits)
        } then: { [self] request in
            embed(request, by: encoder, exchange)
        }
    }

    private func embed(_ request: EmbeddingRequest, by encoder: any EmbeddingService, _ exchange: Exchange) {
        run(exchange) {
            let texts = try await encoder.texts(of: request.inputs, cut: request.cut)
            let embedded = try await encoder.embed(texts)
            guard embedded.vectors.count == texts.count * encoder.dimension else {
                throw APIError(
                    failed: "the encoder failed", cause: "the encoder gave \(embedded.vectors.count) numbers for \(texts.count) texts")
            }
            exchange.record.usage = .init(
                promptTokens: embedded.tokenCounts.reduce(0, +), cachedTokens: 0, completionTokens: 0)
            exchange.respond(
                EmbeddingShape.whole(embedded, request: request, dimension: encoder.dimension))
        }
    }
}
