import JSON

/// `POST /v1/embeddings`.
struct EmbeddingRequest: Sendable, Equatable {
    var texts: [String]
    /// Leading dimensions that are kept (and scaled back to length 1); nil keeps all.
    var dimensions: Int?
    var isBase64: Bool

    init(_ cursor: JSONCursor, encoder: String, dimension: Int, fields: FieldPolicy, limits: APILimits) throws(APIError) {
        do {
            try fields.check(cursor, FieldNames.embedding)
            let model = try cursor["model"].name()
            guard model == encoder || model == "encoder" else {
                throw APIError(
                    .modelNotFound, "The model `\(model)` does not embed; use `encoder`.", param: "model")
            }
            texts = try Self.texts(cursor["input"], limits: limits)
            dimensions = try cursor["dimensions"].optionalInt(in: 1...dimension)
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

    private static func texts(_ cursor: JSONCursor, limits: APILimits) throws(JSONError) -> [String] {
        let places: [JSONCursor]
        switch cursor.value {
        case .array(let elements):
            guard !elements.isEmpty, elements.count <= limits.embeddingInputs else {
                throw cursor.invalid("expected 1 to \(limits.embeddingInputs) texts, found \(elements.count)")
            }
            places = try cursor.array()
        default: places = [cursor]
        }
        var texts: [String] = []
        for place in places {
            if place.value?.intValue != nil || place.value?.arrayValue != nil {
                throw place.invalid("token ids are not taken: they belong to another tokenizer; send the text")
            }
            let text = try place.string()
            guard !text.isEmpty, text.utf8.count <= limits.embeddingInputBytes else {
                throw place.invalid("expected 1 to \(limits.embeddingInputBytes) bytes of text, found \(text.utf8.count)")
            }
            texts.append(text)
        }
        return texts
    }
}
