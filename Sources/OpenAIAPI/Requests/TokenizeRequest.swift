import Generation
import JSON

/// `POST /tokenize`: vLLM's `prompt` or `messages`, or llama.cpp's `content`.
struct TokenizeRequest: Sendable {
    enum Input: Sendable {
        case text(String, addSpecialTokens: Bool, parseSpecial: Bool)
        /// Everything that a chat has; it is rendered as a chat would be.
        case chat(GenerationJob)
    }

    var input: Input
    /// The answer has each token's text: vLLM's `token_strs`.
    var returnsTexts = false
    /// llama.cpp's `with_pieces`: each token is an object.
    var withPieces = false

    private static let texts: Set<String> = [
        "model", "prompt", "content", "add_special_tokens", "add_special", "parse_special", "with_pieces", "return_token_strs",
    ]

    static func read(
        _ cursor: JSONCursor, names: ModelNames, fields: FieldPolicy, limits: APILimits
    ) throws(APIError) -> TokenizeRequest {
        do {
            let returnsTexts = try cursor["return_token_strs"].optionalBool() ?? false
            if cursor["messages"].exists {
                for text in ["prompt", "content"] where cursor[text].exists {
                    throw cursor[text].invalid("contradicts `messages`: either a text or a chat is read")
                }
                return TokenizeRequest(input: .chat(try chat(cursor, names: names, fields: fields, limits: limits)), returnsTexts: returnsTexts)
            }
            try fields.check(cursor, texts)
            _ = try ModelSelection.read(cursor, names: names)
            let content = cursor["content"]
            if content.exists, cursor["prompt"].exists { throw content.invalid("contradicts `prompt`: there is one text") }
            // llama.cpp adds none by default, vLLM does.
            let own = try cursor["add_special_tokens"].optionalBool() ?? !content.exists
            let addSpecialTokens = try cursor["add_special"].optionalBool() ?? own
            return TokenizeRequest(
                input: .text(
                    try (content.exists ? content : cursor["prompt"]).string(), addSpecialTokens: addSpecialTokens,
                    parseSpecial: try cursor["parse_special"].optionalBool() ?? true),
                returnsTexts: returnsTexts, withPieces: try cursor["with_pieces"].optionalBool() ?? false)
        } catch {
            throw APIError(reaching: error)
        }
    }

    /// A chat without what only `/tokenize` has.
    static func chat(
        _ cursor: JSONCursor, names: ModelNames, fields: FieldPolicy, limits: APILimits
    ) throws -> GenerationJob {
        var members = try cursor.object()
        members["return_token_strs"] = nil
        return try ChatCompletionRequest.read(JSONCursor(.object(members)), names: names, fields: fields, limits: limits)
    }
}

extension GenerationJob {
    /// The first prompt as the backend would read it. Where the router would decide, the base reads it.
    func promptRequest(id: String) -> GenerationRequest {
        var request = request(0, id: id)
        switch selection {
        case .automatic, .base: break
        case .adapter(let name): request.adapter = name
        case .merged(let merge): request.merge = merge
        }
        return request
    }
}
