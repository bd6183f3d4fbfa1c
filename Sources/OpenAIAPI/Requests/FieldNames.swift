import JSON

/// The fields that a request may have. OpenAI's are all accepted, those that do not apply here are ignored; ours are
/// read; anything else is a 400 that names it, because a misspelt field that is ignored answers another question than
/// the one that was asked.
enum FieldNames {
    /// Steer which adapter answers, on every generating endpoint.
    static let selection: Set<String> = [
        "model", "expert", "adapter_id", "merged_adapters", "lora", "scale", "route",
    ]

    /// Understood by every generating OpenAI endpoint.
    private static let sampling: Set<String> = [
        "frequency_penalty", "logit_bias", "logprobs", "max_tokens", "n", "presence_penalty", "seed", "stop", "stream",
        "stream_options", "temperature", "top_p", "user", "top_k", "min_p", "repetition_penalty", "ignore_eos",
    ]

    static let chat = selection.union(sampling).union([
        "messages", "max_completion_tokens", "top_logprobs", "response_format", "tools", "tool_choice", "functions",
        "function_call", "audio", "modalities", "metadata", "moderation", "parallel_tool_calls", "prediction",
        "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning_effort", "safety_identifier",
        "service_tier", "store", "verbosity", "web_search_options",
    ])

    static let completion = selection.union(sampling).union(["prompt", "best_of", "echo", "suffix"])

    static let embedding: Set<String> = ["input", "model", "dimensions", "encoding_format", "user"]

    static let message: Set<String> = [
        "role", "content", "name", "tool_calls", "tool_call_id", "refusal", "audio", "function_call", "annotations",
    ]
}

/// How strictly unknown fields are taken.
struct FieldPolicy: Sendable {
    /// `LMOE_LENIENT=1`: unknown fields are ignored.
    var isLenient: Bool

    func check(_ cursor: JSONCursor, _ known: Set<String>) throws(JSONError) {
        guard !isLenient else { return }
        for (key, value) in try cursor.members() where !known.contains(key) {
            throw value.invalid("unknown field; it is not one of OpenAI's and not one of this server's")
        }
    }
}
