import Generation
import JSON

/// The fields that a request may have. All of OpenAI's are accepted, and those that do not apply here are ignored; this
/// server's own are read. Anything else is a 400 that names it: if a misspelt field were ignored, the client would get an answer
/// to another request than it meant.
enum FieldNames {
    /// Steer which adapter answers, on every generating endpoint.
    static let selection: Set<String> = [
        "model", "expert", "adapter_id", "merged_adapters", "lora", "memory", "scale", "route", report,
    ]

    /// Of this server's answers; ignored in a request that an answer was copied into.
    static let report = "lmoe"

    /// Understood by every generating OpenAI endpoint.
    private static let sampling: Set<String> = [
        "frequency_penalty", "logit_bias", "logprobs", "max_tokens", "n", "presence_penalty", "seed", "stop", "stream",
        "stream_options", "temperature", "top_p", "user", "top_k", "min_p", "typical_p", "repetition_penalty", "ignore_eos",
    ]

    static let chat = selection.union(sampling).union(TokenOptions.names).union(AnswerFormat.fields).union([
        "messages", "max_completion_tokens", "top_logprobs", "response_format", "tools", "tool_choice", "functions",
        "function_call", "audio", "modalities", "metadata", "moderation", "parallel_tool_calls", "prediction",
        "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning_effort", "safety_identifier",
        "service_tier", "store", "verbosity", "web_search_options", "chat_template_kwargs", "add_generation_prompt",
        "continue_final_message",
    ])

    static let completion = selection.union(sampling).union(TokenOptions.names).union(AnswerFormat.fields).union(["prompt", "best_of", "suffix"])

    static let embedding: Set<String> = [
        "input", "model", "dimensions", "encoding_format", "user", "truncate", "truncate_prompt_tokens", "truncation_side",
    ]

    static let message: Set<String> = [
        "role", "content", "name", "tool_calls", "tool_call_id", "refusal", "audio", "function_call", "annotations",
        "reasoning_content", "reasoning", "cache_control", report,
    ]
}

/// How strictly unknown fields are taken. A field whose value is null counts as absent.
struct FieldPolicy: Sendable {
    /// `LMOE_LENIENT=1`: unknown fields are ignored.
    var isLenient: Bool
    /// Whose fields are known, beside this server's own.
    var dialect = ErrorDialect.openAI

    func check(_ cursor: JSONCursor, _ known: Set<String>) throws(JSONError) {
        guard !isLenient else { return }
        for (key, value) in try cursor.object() where !value.isNull && !Self.isKnown(key, known) {
            try Self.refuseLong(key, of: cursor)
            throw cursor[key].invalid(unknown)
        }
    }

    /// What is wrong with an unknown field.
    var unknown: String { "unknown field; it is not one of \(dialect.owner) and not one of this server's" }

    /// Hashing a long key could take very long.
    static func isKnown(_ key: String, _ known: Set<String>) -> Bool {
        key.utf8.count <= JSONCursor.longestName && known.contains(key)
    }

    /// A message does not repeat a long key.
    static func refuseLong(_ key: String, of cursor: JSONCursor) throws(JSONError) {
        guard key.utf8.count <= JSONCursor.longestName else {
            throw cursor.invalid("unknown field, whose name has \(key.utf8.count) bytes")
        }
    }
}
