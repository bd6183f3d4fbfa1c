import JSON

/// Bodies of the endpoints that generate text, after the fields that they read.
extension RequestSchemas {
    private typealias Text = SchemaText

    /// Who answers.
    private static let selection: JSONObject = [
        "model": Text.name("an adapter, `base`, or `auto`: the router decides"), "expert": Text.name("an adapter; overrides `model`"),
        "adapter_id": Text.name("as `expert` (LoRAX)"), "merged_adapters": Text.anyObject("several adapters as one (LoRAX)"),
        "lora": Text.array(of: Text.reference("WeightedAdapter"), "adapters with weights (llama.cpp)", most: 64),
        "memory": Text.anything("memories that are asked: a name, names, false, or an object"),
        "scale": Text.number(-100...100, "how strongly the adapter acts"), "route": Text.one(of: [Text.reference("RouteOptions"), ["type": "null"]]),
        "lmoe": Text.anything("of an answer; ignored in a request"),
    ]

    private static let sampling: JSONObject = [
        "frequency_penalty": Text.number(-2...2), "presence_penalty": Text.number(-2...2), "repetition_penalty": Text.number(0.01...10),
        "logit_bias": Text.anyObject("token id to bias, -100 to 100"), "max_tokens": Text.integer(0...Int(Int32.max)),
        "n": Text.integer(1...16), "seed": Text.integer(), "stop": Text.one(of: [Text.name(), Text.array(of: Text.name(isOptional: false), most: 16)]),
        "stream": Text.boolean("in pieces, as server-sent events"), "stream_options": Text.anyObject("`include_usage`, `continuous_usage_stats`"),
        "temperature": Text.number(0...2), "top_p": Text.number(0...1), "top_k": Text.integer(-1...(1 << 30)), "min_p": Text.number(0...1),
        "typical_p": Text.positive(through: 1), "user": Text.string("your name for your own user"), "ignore_eos": Text.boolean(),
    ]

    private static let tokens: JSONObject = [
        "stop_token_ids": Text.array(of: ["type": "integer"]), "include_stop_str_in_output": Text.boolean(), "min_tokens": Text.integer(0...Int(Int32.max)),
        "skip_special_tokens": Text.boolean(), "spaces_between_special_tokens": Text.boolean(), "bad_words": Text.array(of: ["type": "string"]),
        "allowed_token_ids": Text.array(of: ["type": "integer"]), "truncate_prompt_tokens": Text.integer(-1...Int(Int32.max)),
        "truncation_side": Text.string(of: ["left", "right"]), "prompt_logprobs": Text.integer(0...20), "return_token_ids": Text.boolean(),
        "return_tokens_as_token_ids": Text.boolean(), "add_special_tokens": Text.boolean(), "echo": Text.boolean(),
        "cache_salt": Text.string("prompts are cached apart from those of other salts"), "priority": Text.integer(), "request_id": Text.string(),
        "use_beam_search": Text.boolean("not available"), "length_penalty": Text.number(), "logits_processors": Text.anything("not available"),
    ]

    private static let format: JSONObject = [
        "response_format": Text.anyObject("`text`, `json_object` or `json_schema`"), "structured_outputs": Text.anyObject("vLLM's"),
        "guided_json": Text.anything("a JSON Schema, or its text"), "guided_regex": Text.string(), "guided_choice": Text.array(of: ["type": "string"]),
        "guided_grammar": Text.string("GBNF"), "guided_json_object": Text.boolean(), "guided_whitespace_pattern": Text.string(),
        "guided_decoding_backend": Text.string("ignored"), "grammar": Text.string("GBNF"), "json_schema": Text.anything("a JSON Schema"),
    ]

    private static func joined(_ parts: [JSONObject]) -> JSONObject {
        parts.reduce(into: JSONObject()) { all, part in for (name, schema) in part { all[name] = schema } }
    }

    static let chat = Text.object(
        joined([
            selection, sampling, tokens, format,
            [
                "messages": Text.array(of: Text.reference("Message"), least: 1, most: 2_048, isOptional: false),
                "logprobs": Text.boolean(), "top_logprobs": Text.integer(0...20), "max_tokens": Text.integer(1...Int(Int32.max)),
                "max_completion_tokens": Text.integer(1...Int(Int32.max)),
                "tools": Text.array(of: Text.reference("Tool"), most: 128),
                "tool_choice": Text.anything("`none`, `auto`, `required`, or an object that names a function"), "parallel_tool_calls": Text.boolean(),
                "functions": Text.array(of: ["type": "object"]), "function_call": Text.anything("as `tool_choice`, older"),
                "chat_template_kwargs": Text.anyObject("variables of the chat template"), "add_generation_prompt": Text.boolean(),
                "continue_final_message": Text.boolean(),
                "reasoning_effort": Text.string(of: ["none", "minimal", "low", "medium", "high", "xhigh", "max"]),
                "audio": Text.anything("not available"), "modalities": Text.array(of: ["type": "string"]), "metadata": Text.anyObject(),
                "moderation": Text.anything("ignored"), "prediction": Text.anything("ignored"), "prompt_cache_key": Text.string(),
                "prompt_cache_options": Text.anything("ignored"), "prompt_cache_retention": Text.string(), "safety_identifier": Text.string(),
                "service_tier": Text.string(), "store": Text.boolean(), "verbosity": Text.string(), "web_search_options": Text.anything("ignored"),
            ],
        ]), required: ["messages"])

    static let completion = Text.object(
        joined([
            selection, sampling, tokens, format,
            [
                "prompt": Text.one(of: [
                    ["type": "string"], Text.array(of: ["type": "integer"], least: 1, isOptional: false),
                    Text.array(of: Text.one(of: [["type": "string"], Text.array(of: ["type": "integer"], isOptional: false)]), least: 1, isOptional: false),
                ]),
                "logprobs": Text.integer(0...20), "best_of": Text.integer(1...16), "suffix": Text.string(),
            ],
        ]), required: ["prompt"])

    static let message = Text.object(
        [
            "role": Text.string(of: ["system", "developer", "user", "assistant", "tool", "function"], isOptional: false),
            "content": Text.one(of: [Text.string(), Text.array(of: ["type": "object"])], "a text, or parts of text"), "name": Text.string(),
            "tool_calls": Text.array(of: ["type": "object"]), "tool_call_id": Text.string(), "refusal": Text.string(), "audio": Text.anything("ignored"),
            "function_call": Text.anyObject(), "annotations": Text.anything("ignored"), "reasoning_content": Text.string(),
            "reasoning": Text.string("as `reasoning_content`"), "cache_control": Text.anything("ignored"), "lmoe": Text.anything("ignored"),
        ], required: ["role"])

    static let tool = Text.object(
        [
            "type": Text.string(of: ["function"], isOptional: false),
            "function": Text.object(
                ["name": ["type": "string"], "description": Text.string(), "parameters": Text.anyObject("a JSON Schema"), "strict": Text.boolean()],
                required: ["name"], isOpen: true),
        ], required: ["type", "function"], isOpen: true)

    static let loRAX = Text.object(
        [
            "inputs": Text.string(least: 1, isOptional: false), "parameters": Text.anyObject("LoRAX's, `adapter_id` among them"), "stream": Text.boolean(),
            "route": Text.one(of: [Text.reference("RouteOptions"), ["type": "null"]]), "lmoe": Text.anything("ignored"),
        ], required: ["inputs"])
}
