import Generation
import JSON

extension Endpoint {
    static let anthropic: [Endpoint] = [
        Endpoint("POST", "/v1/messages", .generation, errors: .anthropic) { service, exchange, _ in try service.messages(exchange) }
    ]
}

extension APIService {
    func messages(_ exchange: Exchange) throws {
        let services = try accepting()
        let reader = reader(services, exchange)
        try read(exchange) { document in
            try AnthropicRequest.read(document, reader)
        } then: { [self] job in
            generate(exchange, job, shape: AnthropicShape(), services)
        }
    }

    /// What the bodies of other dialects are read with.
    func reader(_ services: APIServices, _ exchange: Exchange) -> RequestReader {
        RequestReader(names: names(services, exchange), fields: fields, limits: limits, contextLength: services.backend.contextLength)
    }
}
