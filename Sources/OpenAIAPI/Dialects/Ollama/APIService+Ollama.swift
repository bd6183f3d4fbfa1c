import Generation
import JSON

extension Endpoint {
    static let ollama: [Endpoint] =
        [
            Endpoint("GET", "/api/version", .open, errors: .ollama) { service, exchange, _ in
                exchange.respond(["version": .string(service.ollamaVersion)])
            },
            Endpoint("GET", "/api/tags", errors: .ollama) { service, exchange, _ in try service.ollamaTags(exchange) },
            Endpoint("GET", "/api/ps", errors: .ollama) { service, exchange, _ in try service.ollamaRunning(exchange) },
            Endpoint("POST", "/api/show", errors: .ollama) { service, exchange, _ in try service.ollamaShow(exchange) },
            Endpoint("POST", "/api/chat", .generation, errors: .ollama) { service, exchange, _ in
                try service.ollama(exchange, isChat: true)
            },
            Endpoint("POST", "/api/generate", .generation, errors: .ollama) { service, exchange, _ in
                try service.ollama(exchange, isChat: false)
            },
            Endpoint("POST", "/api/embed", .generation, errors: .ollama) { service, exchange, _ in
                try service.ollamaEmbeddings(exchange, isOld: false)
            },
            Endpoint("POST", "/api/embeddings", .generation, errors: .ollama) { service, exchange, _ in
                try service.ollamaEmbeddings(exchange, isOld: true)
            },
        ]
        + [
            ("POST", "/api/pull"), ("POST", "/api/push"), ("POST", "/api/create"), ("POST", "/api/copy"), ("DELETE", "/api/delete"),
            ("POST", "/api/blobs/{digest}"), ("GET", "/api/blobs/{digest}"), ("POST", "/api/me"), ("POST", "/api/signout"),
        ].map { method, path in
            Endpoint(method, path, errors: .ollama) { _, _, _ in
                throw APIError(
                    .notConfigured, "\(path) is not supported: models are managed on the server, and adapters with /v1/adapters")
            }
        }
}

extension APIService {
    /// Digits and dots only: clients compare it.
    var ollamaVersion: String {
        let parts = configuration.version.split(separator: ".").map { $0.prefix { $0.isASCII && $0.isNumber } }
        return (0..<3).map { $0 < parts.count && !parts[$0].isEmpty ? String(parts[$0]) : "0" }.joined(separator: ".")
    }

    func ollama(_ exchange: Exchange, isChat: Bool) throws {
        let services = try accepting()
        let reader = reader(services, exchange)
        try read(exchange) { document in
            try isChat ? OllamaRequest.chat(document, reader) : OllamaRequest.generate(document, reader)
        } then: { [self] request in
            let shape = OllamaShape(model: request.model, isChat: isChat)
            switch request.order {
            case .answer(let job, let shape):
                generate(exchange, job, shape: shape, services) { [self] answer, _ in
                    guard request.unloadsAfterwards, mayUnload(exchange), let name = answer?.choices[0].decision?.adapter else { return }
                    release(name, services)
                }
            case .load:
                run(exchange) { [self] in
                    for name in request.adapters { try await services.adapters.bring(name) }
                    exchange.respond(shape.only("load", created: clock()))
                }
            case .unload:
                guard mayUnload(exchange) else {
                    throw APIError(.adminKeyRequired, "models are taken out of memory with an admin key, and not by pages of other sites")
                }
                run(exchange) { [self] in
                    for name in request.adapters { try await services.adapters.release(name) }
                    exchange.respond(shape.only("unload", created: clock()))
                }
            }
        }
    }

    /// What is in memory concerns everybody.
    private func mayUnload(_ exchange: Exchange) -> Bool {
        exchange.isAdmin && configuration.cors.allowsManagement(from: exchange.request.headers["Origin"])
    }

    /// After an answer: a failure changes nothing for anybody.
    private func release(_ name: String, _ services: APIServices) {
        Task {
            do {
                try await services.adapters.release(name)
            } catch {
                // The queue of changes is full: the adapter leaves memory when others need its place.
            }
        }
    }
}

extension OllamaRequest {
    /// Those that the request names; the base is always in memory.
    var adapters: [String] {
        switch selection {
        case .adapter(let name): [name]
        case .merged(let merge): merge.parts.map(\.adapter)
        case .base, .automatic: []
        }
    }
}
