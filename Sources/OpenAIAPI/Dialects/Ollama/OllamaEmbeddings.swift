import Generation
import JSON

/// `POST /api/embed`, and the older `/api/embeddings` with one text.
struct OllamaEmbeddingRequest: Sendable {
    /// As the client wrote it.
    var model: String
    var inputs: [EmbeddingInput]
    var cut: EmbeddingCut
    var dimensions: Int?

    init(_ cursor: JSONCursor, encoder: any EmbeddingService, isOld: Bool, _ reader: RequestReader) throws(APIError) {
        self = try reader.read {
            try reader.fields.check(
                cursor, isOld ? ["model", "prompt", "options", "keep_alive"] : ["model", "input", "truncate", "options", "keep_alive", "dimensions"])
            let model = try cursor["model"].name()
            let known = [encoder.name, "encoder"]
            guard known.contains(OllamaRequest.untagged(model, isKnown: known.contains)) else {
                throw APIError(.modelNotFound, "the model `\(model)` does not embed; use `encoder`", param: "model")
            }
            _ = try OllamaDuration.seconds(cursor["keep_alive"])
            let place = cursor[isOld ? "prompt" : "input"]
            let places: [JSONCursor] = if case .array = place.value, !isOld { try place.array() } else { place.exists ? [place] : [] }
            guard places.count <= reader.limits.embeddingInputs else {
                throw place.invalid("\(places.count) texts; at most \(reader.limits.embeddingInputs) are taken")
            }
            let inputs = try places.map { try Self.input($0, reader) }
            // An empty text alone only loads the model, which is always loaded here.
            let isEmpty = inputs.count == 1 && inputs[0].content == .text("")
            return OllamaEmbeddingRequest(
                model: model, inputs: isEmpty ? [] : inputs, cut: try cursor["truncate"].optionalBool() ?? true ? .tokens(encoder.maxTokens) : .none,
                dimensions: try cursor["dimensions"].optionalInt(in: 1...encoder.dimension))
        }
    }

    private init(model: String, inputs: [EmbeddingInput], cut: EmbeddingCut, dimensions: Int?) {
        (self.model, self.inputs, self.cut, self.dimensions) = (model, inputs, cut, dimensions)
    }

    private static func input(_ cursor: JSONCursor, _ reader: RequestReader) throws -> EmbeddingInput {
        let text = try cursor.string()
        guard text.utf8.count <= reader.limits.embeddingInputBytes else {
            throw cursor.invalid("expected at most \(reader.limits.embeddingInputBytes) bytes of text, found \(text.utf8.count)")
        }
        return EmbeddingInput(.text(text), path: cursor.path)
    }
}

extension APIService {
    func ollamaEmbeddings(_ exchange: Exchange, isOld: Bool) throws {
        let services = try accepting()
        guard let encoder = services.embeddings else {
            throw APIError(.notConfigured, "This server has no encoder: it was started without one.")
        }
        let reader = reader(services, exchange)
        try read(exchange) { document in
            try OllamaEmbeddingRequest(document, encoder: encoder, isOld: isOld, reader)
        } then: { [self] request in
            run(exchange) {
                let embedded =
                    request.inputs.isEmpty
                    ? EmbeddedTexts(vectors: [], tokenCounts: [], tokenizeMicroseconds: 0, embedMicroseconds: 0)
                    : try await encoder.embed(encoder.texts(of: request.inputs, cut: request.cut))
                guard embedded.vectors.count == request.inputs.count * encoder.dimension else {
                    throw APIError(
                        failed: "the encoder failed", cause: "the encoder gave \(embedded.vectors.count) numbers for \(request.inputs.count) texts")
                }
                let tokens = embedded.tokenCounts.reduce(0, +)
                exchange.record.usage = .init(promptTokens: tokens, cachedTokens: 0, completionTokens: 0)
                let kept = request.dimensions ?? encoder.dimension
                let rows = request.inputs.indices.map { index -> JSONValue in
                    .array(EmbeddingShape.vector(index, of: embedded, dimension: encoder.dimension, kept: kept).map(JSONValue.init(shortest:)))
                }
                guard !isOld else { return exchange.respond(["embedding": rows.first ?? []]) }
                exchange.respond([
                    "model": .string(request.model), "embeddings": .array(rows),
                    "total_duration": .integer(Int64(exchange.elapsedMilliseconds * 1e6)), "load_duration": 0,
                    "prompt_eval_count": .integer(Int64(tokens)),
                ])
            }
        }
    }
}
