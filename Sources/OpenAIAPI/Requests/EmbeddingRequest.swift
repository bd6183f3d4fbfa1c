import JSON

/// `POST /v1/embeddings`.
struct EmbeddingRequest: Sendable, Equatable {
    var inputs: [EmbeddingInput]
    var cut = EmbeddingCut.none
    /// As the answer names the model: an alias is repeated.
    var model: String
    /// Leading dimensions that are kept (and scaled back to length 1); nil keeps all.
    var dimensions: Int?
    var isBase64: Bool

    init(
        _ cursor: JSONCursor, encoder: any EmbeddingService, aliases: [ModelAlias] = [], fields: FieldPolicy, limits: APILimits
    ) throws(APIError) {
        do {
            try fields.check(cursor, FieldNames.embedding)
            model = try Self.model(cursor["model"], encoder: encoder.name, aliases)
            inputs = try Self.inputs(cursor["input"], limits: limits)
            cut = try Self.cut(cursor, most: encoder.maxTokens)
            dimensions = try cursor["dimensions"].optionalInt(in: 1...encoder.dimension)
            switch try cursor["encoding_format"].optionalName() {
            case nil, "float": isBase64 = false
            case "base64": isBase64 = true
            case let other?: throw cursor["encoding_format"].invalid("`\(other)` is neither `float` nor `base64`")
            }
        } catch let error as APIError {
            throw error
        } catch {
            throw APIError(reaching: error)
        }
    }

    /// The encoder is the default.
    private static func model(_ cursor: JSONCursor, encoder: String, _ aliases: [ModelAlias]) throws -> String {
        let names = ["encoder", encoder]
        guard let model = try cursor.optionalName(), !names.contains(model) else { return encoder }
        if let alias = aliases.first(where: { $0.matches(model) }), names.contains(alias.target) { return model }
        throw APIError(.modelNotFound, "The model `\(model)` does not embed; use `encoder`.", param: "model")
    }

    /// `truncate` is that of Ollama and of text-embeddings-inference, `truncate_prompt_tokens` is vLLM's, where -1 is the encoder's length.
    private static func cut(_ cursor: JSONCursor, most: Int) throws(JSONError) -> EmbeddingCut {
        let isCut = try cursor["truncate"].optionalBool() ?? false
        if let side = try cursor["truncation_side"].optionalName(), side != "right" {
            throw cursor["truncation_side"].invalid("expected `right`: texts lose their ends")
        }
        guard let tokens = try cursor["truncate_prompt_tokens"].optionalInt(in: -1...most) else { return isCut ? .tokens(most) : .none }
        guard tokens != 0 else { throw cursor["truncate_prompt_tokens"].invalid("expected 1 to \(most) tokens, or -1 for \(most)") }
        return .tokens(tokens < 0 ? most : tokens)
    }

    /// A text, token ids, or a list of either.
    private static func inputs(_ cursor: JSONCursor, limits: APILimits) throws(JSONError) -> [EmbeddingInput] {
        guard case .array(let elements) = cursor.value else { return [try input(cursor, limits: limits)] }
        guard let first = elements.first else { throw cursor.invalid("expected one text or token id at least") }
        if first.intValue != nil { return [try input(cursor, limits: limits)] }
        guard elements.count <= limits.embeddingInputs else {
            throw cursor.invalid("expected 1 to \(limits.embeddingInputs) texts, found \(elements.count)")
        }
        var inputs: [EmbeddingInput] = []
        for place in try cursor.array() { inputs.append(try input(place, limits: limits)) }
        return inputs
    }

    private static func input(_ cursor: JSONCursor, limits: APILimits) throws(JSONError) -> EmbeddingInput {
        if case .array? = cursor.value {
            var tokens: [Int32] = []
            for place in try cursor.array() { tokens.append(Int32(try place.int(in: 0...Int(Int32.max)))) }
            guard !tokens.isEmpty else { throw cursor.invalid("expected one token id at least") }
            return EmbeddingInput(.tokens(tokens), path: cursor.path)
        }
        let text = try cursor.string()
        guard !text.isEmpty, text.utf8.count <= limits.embeddingInputBytes else {
            throw cursor.invalid("expected 1 to \(limits.embeddingInputBytes) bytes of text, found \(text.utf8.count)")
        }
        return EmbeddingInput(.text(text), path: cursor.path)
    }
}
