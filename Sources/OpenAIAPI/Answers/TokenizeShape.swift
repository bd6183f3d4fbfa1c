import Generation
import JSON

/// What the endpoints of the tokenizer answer.
enum TokenizeShape {
    static func tokens(_ report: PromptReport, of request: TokenizeRequest, contextLength: Int) -> JSONValue {
        let tokens =
            request.withPieces
            ? JSONValue.array(
                zip(report.tokens, report.bytes).map { ["id": .integer(Int64($0)), "piece": piece($1)] })
            : PromptShape.ids(report.tokens)
        var body: JSONObject = [
            "count": .integer(Int64(report.tokens.count)), "max_model_len": .integer(Int64(contextLength)), "tokens": tokens,
        ]
        if request.returnsTexts { body["token_strs"] = .array(report.bytes.map { .string(String(decoding: $0, as: UTF8.self)) }) }
        return .object(body)
    }

    /// As llama.cpp writes a part of a character: its bytes.
    private static func piece(_ bytes: [UInt8]) -> JSONValue {
        String(validating: bytes, as: UTF8.self).map(JSONValue.string) ?? .array(bytes.map { .integer(Int64($0)) })
    }

    static func info(_ facts: TokenizerFacts, contextLength: Int) -> JSONValue {
        [
            "tokenizer_class": "lmoe", "bos_token": text(facts.beginOfSequence), "eos_token": text(facts.endOfSequence),
            "pad_token": text(facts.padding), "chat_template": text(facts.chatTemplate), "vocab_size": .integer(Int64(facts.vocabularySize)),
            "model_max_length": .integer(Int64(contextLength)),
        ]
    }

    /// llama.cpp's, as far as they apply.
    static func properties(_ facts: TokenizerFacts, model: String, contextLength: Int, version: String) -> JSONValue {
        [
            "default_generation_settings": ["n_ctx": .integer(Int64(contextLength))], "model_alias": .string(model),
            "model_path": .string(model), "modalities": ["vision": false, "audio": false], "chat_template": text(facts.chatTemplate),
            "chat_template_tool_use": text(facts.toolTemplate), "bos_token": text(facts.beginOfSequence),
            "eos_token": text(facts.endOfSequence), "build_info": .string("lmoe \(version)"),
        ]
    }

    private static func text(_ value: String?) -> JSONValue { value.map(JSONValue.string) ?? .null }
}
