import Generation
import Serving

extension APIService {
    /// The explanation, without generating.
    func route(_ exchange: Exchange) throws {
        let services = try accepting()
        try read(exchange) { [fields, limits] document in
            try RouteRequest.read(document, fields: fields, limits: limits)
        } then: { [self] question in
            var question = question
            question.caller = exchange.caller
            question.requestID = exchange.id
            question.cachePartition = exchange.cachePartition
            route(question, services, exchange)
        }
    }

    private func route(_ question: RouteQuestion, _ services: APIServices, _ exchange: Exchange) {
        run(exchange) {
            let decision = try await services.serving.decide(.automatic(question))
            exchange.record.decisions = [decision.withoutTexts]
            exchange.respond(decision.json)
        }
    }

    func embeddings(_ exchange: Exchange) throws {
        guard let encoder = try accepting().embeddings else {
            throw APIError(.notConfigured, "This server was started without an encoder.")
        }
        try read(exchange) { [fields, limits] document in
            try EmbeddingRequest(
                document, encoder: encoder.name, dimension: encoder.dimension, fields: fields, limits: limits)
        } then: { [self] request in
            embed(request, by: encoder, exchange)
        }
    }

    private func embed(_ request: EmbeddingRequest, by encoder: any EmbeddingService, _ exchange: Exchange) {
        run(exchange) {
            let embedded = try await encoder.embed(request.texts)
            guard embedded.vectors.count == request.texts.count * encoder.dimension else {
                throw APIError(
                    failed: "the encoder failed", cause: "the encoder gave \(embedded.vectors.count) numbers for \(request.texts.count) texts")
            }
            exchange.record.usage = .init(
                promptTokens: embedded.tokenCounts.reduce(0, +), cachedTokens: 0, completionTokens: 0)
            exchange.respond(
                EmbeddingShape.whole(embedded, request: request, model: encoder.name, dimension: encoder.dimension))
        }
    }
}
