import Generation
import JSON

extension Endpoint {
    static let anthropic: [Endpoint] = [
        Endpoint("POST", "/v1/messages", .generation, errors: .anthropic) { service, exchange, _ in try service.messages(exchange) },
        Endpoint("POST", "/v1/messages/count_tokens", .generation, errors: .anthropic) { service, exchange, _ in
            try service.countMessages(exchange)
        },
    ]
}

extension APIService {
    func messages(_ exchange: Exchange) throws {
        let services = try accepting()
        let reader = reader(services, exchange)
        try read(exchange) { document in
            try AnthropicRequest.read(document, reader)
        } then: { [self] job in
            generate(
                exchange, job, shape: AnthropicShape(), services,
                whenOverlong: { [self] decision, overlong in
                    inspect(exchange) { [self] in
                        do {
                            let tokens = try await tokens(of: job, decision, exchange, services)
                            exchange.fail(AnthropicRequest.overlong(overlong, job, tokens: tokens, most: services.backend.contextLength))
                        } catch {
                            // A text of too many bytes to be counted: the first error says so.
                            exchange.fail(overlong)
                        }
                    }
                })
        }
    }

    func countMessages(_ exchange: Exchange) throws {
        let services = try accepting()
        let reader = reader(services, exchange)
        try read(exchange) { document in
            try AnthropicRequest.read(document, reader, counts: true)
        } then: { [self] job in
            count(exchange, job, services) { ["input_tokens": .integer(Int64($0))] }
        }
    }

    /// What the bodies of other dialects are read with.
    func reader(_ services: APIServices, _ exchange: Exchange) -> RequestReader {
        RequestReader(names: names(services, exchange), fields: fields(exchange), limits: limits, contextLength: services.backend.contextLength)
    }
}
