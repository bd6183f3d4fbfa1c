import UV

/// One method of one path.
struct Endpoint: Sendable {
    enum Access: Sendable {
        /// Without a key.
        case open
        /// With a user's key.
        case user
        /// The same, and for pages of any site: it generates, or embeds.
        case generation
        /// Changes what is served: an admin key when keys are on, and no pages of other sites.
        case admin
        /// Files and fine-tuning jobs: as `admin`, or with a user's key where the operator allows it.
        case tuning
        /// Facts: as `admin`, or with a user's key where the operator allows it.
        case telling
    }

    /// Gets the path segments that matched `{…}`.
    typealias Handler = @LoopActor @Sendable (APIService, Exchange, _ parameters: [String]) throws -> Void

    let method: String
    /// Like `/v1/models/{id}`; a parameter is one segment.
    let pattern: String
    let access: Access
    /// Of errors before the handler runs, and of its own unless it changes that.
    let errors: ErrorDialect
    let handler: Handler
    private let segments: [Substring.UTF8View]

    init(_ method: String, _ pattern: String, _ access: Access = .user, errors: ErrorDialect = .openAI, _ handler: @escaping Handler) {
        self.method = method
        self.pattern = pattern
        self.access = access
        self.errors = errors
        self.handler = handler
        segments = pattern.utf8.split(separator: UInt8(ascii: "/"))
    }

    /// Whether another path than the pattern itself matches.
    var hasParameters: Bool { segments.contains { $0.first == UInt8(ascii: "{") } }

    /// The parameters if the path matches; a slash at the end does not matter.
    /// Bytes are compared: comparing long Unicode text could take very long.
    func match(_ path: [Substring.UTF8View]) -> [String]? {
        guard path.count == segments.count else { return nil }
        var parameters: [String] = []
        for (segment, found) in zip(segments, path) {
            if segment.first == UInt8(ascii: "{") {
                parameters.append(String(Substring(found)))
            } else if !segment.elementsEqual(found) {
                return nil
            }
        }
        return parameters
    }

    static let all = own + responses + anthropic + ollama

    private static let own: [Endpoint] = [
        Endpoint("POST", "/v1/chat/completions", .generation) { service, exchange, _ in try service.chat(exchange) },
        Endpoint("POST", "/v1/completions", .generation) { service, exchange, _ in try service.completion(exchange) },
        Endpoint("POST", "/v1/embeddings", .generation) { service, exchange, _ in try service.embeddings(exchange) },
        Endpoint("POST", "/v1/route") { service, exchange, _ in try service.route(exchange) },
        Endpoint("GET", "/v1/models") { service, exchange, _ in try service.listModels(exchange) },
        Endpoint("GET", "/v1/models/{id}") { service, exchange, names in try service.model(exchange, names[0]) },
        Endpoint("GET", "/v1/adapters") { service, exchange, _ in try service.listAdapters(exchange) },
        Endpoint("GET", "/v1/adapters/{name}") { service, exchange, names in try service.adapter(exchange, names[0]) },
        Endpoint("PUT", "/v1/adapters/{name}", .admin) { service, exchange, names in
            try service.addAdapter(exchange, names[0])
        },
        Endpoint("DELETE", "/v1/adapters/{name}", .admin) { service, exchange, names in
            try service.removeAdapter(exchange, names[0])
        },
        Endpoint("PUT", "/v1/adapters/{name}/files/{file}", .admin) { service, exchange, names in
            try service.receiveAdapterFile(exchange, adapter: names[0], file: names[1])
        },
        Endpoint("DELETE", "/v1/adapters/{name}/files", .admin) { service, exchange, names in
            try service.discardUpload(exchange, names[0])
        },
        Endpoint("POST", "/v1/load_lora_adapter", .admin) { service, exchange, _ in try service.loadLoRA(exchange) },
        Endpoint("POST", "/v1/unload_lora_adapter", .admin) { service, exchange, _ in
            try service.unloadLoRA(exchange)
        },
        Endpoint("GET", "/", .open) { service, exchange, _ in service.root(exchange) },
        Endpoint("POST", "/", .generation, errors: .lorax) { service, exchange, _ in try service.generate(exchange, isStream: nil) },
        Endpoint("POST", "/generate", .generation, errors: .lorax) { service, exchange, _ in try service.generate(exchange, isStream: false) },
        Endpoint("POST", "/generate_stream", .generation, errors: .lorax) { service, exchange, _ in
            try service.generate(exchange, isStream: true)
        },
        Endpoint("POST", "/tokenize") { service, exchange, _ in try service.tokenize(exchange) },
        Endpoint("POST", "/detokenize") { service, exchange, _ in try service.detokenize(exchange) },
        Endpoint("GET", "/tokenizer_info") { service, exchange, _ in try service.tokenizerInfo(exchange) },
        Endpoint("POST", "/apply-template") { service, exchange, _ in try service.applyTemplate(exchange) },
        Endpoint("GET", "/props") { service, exchange, _ in try service.properties(exchange) },
        Endpoint("GET", "/info", errors: .lorax) { service, exchange, _ in try service.info(exchange) },
        Endpoint("GET", "/lora-adapters") { service, exchange, _ in try service.scaledAdapters(exchange) },
        Endpoint("POST", "/lora-adapters", .admin) { service, exchange, _ in try service.setScaledAdapters(exchange) },
        Endpoint("POST", "/v1/files", .tuning) { service, exchange, _ in try service.uploadFile(exchange) },
        Endpoint("GET", "/v1/files", .tuning) { service, exchange, _ in try service.listFiles(exchange) },
        Endpoint("GET", "/v1/files/{id}", .tuning) { service, exchange, ids in try service.file(exchange, ids[0]) },
        Endpoint("GET", "/v1/files/{id}/content", .tuning) { service, exchange, ids in try service.fileContent(exchange, ids[0]) },
        Endpoint("DELETE", "/v1/files/{id}", .tuning) { service, exchange, ids in try service.deleteFile(exchange, ids[0]) },
        Endpoint("POST", "/v1/fine_tuning/jobs", .tuning) { service, exchange, _ in try service.createJob(exchange) },
        Endpoint("GET", "/v1/fine_tuning/jobs", .tuning) { service, exchange, _ in try service.listJobs(exchange) },
        Endpoint("GET", "/v1/fine_tuning/jobs/{id}", .tuning) { service, exchange, ids in try service.job(exchange, ids[0]) },
        Endpoint("GET", "/v1/fine_tuning/jobs/{id}/events", .tuning) { service, exchange, ids in
            try service.listEvents(exchange, ids[0])
        },
        Endpoint("GET", "/v1/fine_tuning/jobs/{id}/checkpoints", .tuning) { service, exchange, ids in
            try service.listCheckpoints(exchange, ids[0])
        },
        Endpoint("POST", "/v1/fine_tuning/jobs/{id}/cancel", .tuning) { service, exchange, ids in
            try service.changeJob(exchange, ids[0]) { try await $0.cancel($1, owner: $2) }
        },
        Endpoint("POST", "/v1/fine_tuning/jobs/{id}/pause", .tuning) { service, exchange, ids in
            try service.changeJob(exchange, ids[0]) { try await $0.pause($1, owner: $2) }
        },
        Endpoint("POST", "/v1/fine_tuning/jobs/{id}/resume", .tuning) { service, exchange, ids in
            try service.changeJob(exchange, ids[0]) { try await $0.resume($1, owner: $2) }
        },
        Endpoint("POST", "/v1/memories", .telling) { service, exchange, _ in try service.tellFacts(exchange) },
        Endpoint("GET", "/v1/memories", .telling) { service, exchange, _ in try service.listFacts(exchange) },
        Endpoint("GET", "/v1/memories/{id}", .telling) { service, exchange, ids in try service.fact(exchange, ids[0]) },
        Endpoint("PATCH", "/v1/memories/{id}", .telling) { service, exchange, ids in try service.changeFact(exchange, ids[0]) },
        Endpoint("DELETE", "/v1/memories/{id}", .telling) { service, exchange, ids in try service.forgetFact(exchange, ids[0]) },
        Endpoint("GET", "/health", .open) { service, exchange, _ in service.health(exchange) },
        Endpoint("GET", "/ready", .open) { service, exchange, _ in service.readiness(exchange) },
        Endpoint("GET", "/openapi.json") { service, exchange, _ in service.describe(exchange) },
        Endpoint("GET", "/metrics") { service, exchange, _ in service.writeMetrics(exchange) },
    ]
}
