import Generation
import JSON

/// Models as Ollama's clients list them: the base, adapters, `auto`, and the encoder. A name has the tag `latest`.
struct OllamaModel: Sendable {
    var name: String
    var modified: Int
    var byteCount = 0
    /// Changes with the content.
    var version = ""
    /// The base of an adapter.
    var parent: String?
    var family: String
    var parameters: Int?
    var elementType = "unknown"
    var capabilities = ["completion", "tools"]
    var isInMemory = true

    var tagged: String { name.contains(":") ? name : "\(name):latest" }

    var details: JSONValue {
        [
            "parent_model": .string(parent ?? ""), "format": parent == nil ? "gguf" : "safetensors", "family": .string(family),
            "families": [.string(family)], "parameter_size": .string(Self.count(parameters)),
            "quantization_level": .string(elementType.uppercased()),
        ]
    }

    var tag: JSONObject {
        [
            "name": .string(tagged), "model": .string(tagged), "modified_at": .string(UnixClock.text(modified)),
            "size": .integer(Int64(byteCount)), "digest": .string(digest), "details": details,
        ]
    }

    /// In the processor's memory; nothing ends its time there but the need for memory.
    func running(contextLength: Int) -> JSONValue {
        var object = tag
        object["modified_at"] = nil
        object["expires_at"] = "9999-12-31T23:59:59Z"
        object["size_vram"] = 0
        object["context_length"] = .integer(Int64(contextLength))
        return .object(object)
    }

    /// 64 hexadecimal digits, as clients expect; not a hash of files.
    private var digest: String {
        (0..<4).map { part in
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325
            for byte in "\(part) \(name) \(version)".utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
            let digits = String(hash, radix: 16)
            return String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }.joined()
    }

    /// Ollama's words, which clients read.
    static func missing(_ name: String) -> APIError { APIError(.modelNotFound, "model '\(name)' not found", param: "model") }

    /// `134.5M`
    private static func count(_ parameters: Int?) -> String {
        guard let parameters else { return "" }
        let (value, unit) = parameters >= 1_000_000_000 ? (Double(parameters) / 1e9, "B") : (Double(parameters) / 1e6, "M")
        return "\((value * 10).rounded() / 10)\(unit)"
    }
}

extension APIService {
    /// What this caller may use.
    func ollamaModels(_ services: APIServices, _ exchange: Exchange) async throws -> [OllamaModel] {
        let facts = services.backend.facts
        let family = facts?.architecture ?? "unknown"
        let reports = Dictionary(try await services.adapters.list().map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var models = models(services, exchange).map { served in
            var model = OllamaModel(name: served.id, modified: served.created, parent: served.parent, family: family)
            model.parameters = facts?.parameters
            model.elementType = facts?.elementType ?? "unknown"
            model.byteCount = facts?.weightBytes ?? 0
            model.version = facts?.identity ?? ""
            guard served.parent != nil, let report = reports[served.id] else { return model }
            model.parameters = report.details["parameters"]?.intValue
            model.byteCount = report.details["bytes"]?.intValue ?? 0
            model.version = report.details["version"]?.stringValue ?? ""
            model.isInMemory = report.state == "resident"
            return model
        }
        if let encoder = services.embeddings {
            models.append(
                OllamaModel(
                    name: "encoder", modified: models.first?.modified ?? clock(), version: encoder.name, family: "bert",
                    capabilities: ["embedding"]))
        }
        return models
    }

    func ollamaTags(_ exchange: Exchange) throws {
        let services = try ready()
        run(exchange) { [self] in
            exchange.respond(["models": .array(try await ollamaModels(services, exchange).map { .object($0.tag) })])
        }
    }

    /// What is in memory: the base, adapters that are resident, and the encoder.
    func ollamaRunning(_ exchange: Exchange) throws {
        let services = try ready()
        run(exchange) { [self] in
            let models = try await ollamaModels(services, exchange).filter { $0.isInMemory && $0.name != "auto" }
            exchange.respond(["models": .array(models.map { $0.running(contextLength: services.backend.contextLength) })])
        }
    }

    func ollamaShow(_ exchange: Exchange) throws {
        let services = try ready()
        let reader = reader(services, exchange)
        try read(exchange) { [fields = fields(exchange)] document in
            try fields.check(document, ["model", "name", "verbose", "system", "template", "options"])
            return try document["model"].optionalName() ?? document["name"].name()
        } then: { [self] (given: String) in
            run(exchange) { [self] in
                let models = try await ollamaModels(services, exchange)
                let plain = OllamaRequest.untagged(given) { name in models.contains { $0.name == name } }
                let name: String? =
                    switch reader.names.selection(plain) {
                    case .base: services.backend.baseModelName
                    case .automatic: "auto"
                    case .adapter(let adapter): adapter
                    case .merged, nil: plain == services.embeddings?.name ? "encoder" : plain
                    }
                guard let model = models.first(where: { $0.name == name }) else {
                    throw OllamaModel.missing(given)
                }
                exchange.respond(description(of: model, services.backend))
            }
        }
    }

    private func description(of model: OllamaModel, _ backend: any GenerationBackend) -> JSONValue {
        let isEncoder = model.capabilities == ["embedding"]
        let source = model.parent.map { "FROM \($0)\(model.name == "auto" ? "" : "\nADAPTER \(model.name)")" } ?? "FROM \(model.name)"
        var info: JSONObject = ["general.architecture": .string(model.family), "general.basename": .string(model.name)]
        if let parameters = model.parameters { info["general.parameter_count"] = .integer(Int64(parameters)) }
        if !isEncoder {
            info["\(model.family).context_length"] = .integer(Int64(backend.contextLength))
            if let facts = backend.facts {
                for (key, value) in [
                    ("block_count", facts.layers), ("embedding_length", facts.hidden), ("feed_forward_length", facts.feedForward),
                    ("attention.head_count", facts.heads), ("attention.head_count_kv", facts.keyValueHeads), ("vocab_size", facts.vocabulary),
                ] {
                    info["\(model.family).\(key)"] = .integer(Int64(value))
                }
            }
        }
        return [
            "modelfile": .string(source), "parameters": "", "template": "", "details": model.details, "model_info": .object(info),
            "capabilities": .array(model.capabilities.map(JSONValue.string)), "modified_at": .string(UnixClock.text(model.modified)),
        ]
    }
}
