import JSON

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
            route(question, services, exchange)
        }
    }

    private func route(_ question: RouteQuestion, _ services: APIServices, _ exchange: Exchange) {
        run(exchange) {
            let choice = try await services.routes.route(question)
            exchange.record.adapters = [choice.adapter]
            exchange.record.routes = [choice.kind]
            exchange.record.marks = [choice.marks]
            exchange.record.probabilities = [choice.probability]
            exchange.record.probability = choice.probability
            exchange.record.routeMilliseconds = choice.milliseconds
            exchange.respond(choice.explanation)
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
                throw APIError(.internalFailure, "the encoder answered with vectors of another size")
            }
            exchange.record.usage = .init(
                promptTokens: embedded.tokenCounts.reduce(0, +), cachedTokens: 0, completionTokens: 0)
            exchange.respond(
                EmbeddingShape.whole(embedded, request: request, model: encoder.name, dimension: encoder.dimension))
        }
    }
}
