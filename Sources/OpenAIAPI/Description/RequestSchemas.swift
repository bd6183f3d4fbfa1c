import JSON

/// The schemas of bodies by name.
enum RequestSchemas {
    private typealias Text = SchemaText

    static let all: JSONObject = [
        "ChatCompletionRequest": chat, "CompletionRequest": completion, "Message": message, "Tool": tool, "GenerateRequest": loRAX,
        "WeightedAdapter": Text.object(["id": ["type": "integer", "minimum": 0], "scale": ["type": "number"]], required: ["id", "scale"]),
        "WeightedAdapters": Text.array(of: Text.reference("WeightedAdapter"), isOptional: false),
        "RouteOptions": Text.object([
            "threshold": Text.number(0...1), "candidates": Text.array(of: ["type": "string"], least: 1, most: 1_000), "explain": Text.boolean(),
        ]),
        "RouteRequest": Text.object(
            [
                "input": Text.one(of: [["type": "string"], Text.array(of: Text.reference("Message"), least: 1, isOptional: false)]),
                "top": Text.integer(1...1_000), "threshold": Text.number(0...1), "candidates": Text.array(of: ["type": "string"], least: 1, most: 1_000),
                "map": Text.boolean("the examples around the text in two dimensions, too"),
            ], required: ["input"]),
        "EmbeddingRequest": Text.object(
            [
                "input": Text.one(of: [
                    ["type": "string"], Text.array(of: ["type": "integer"], least: 1, isOptional: false),
                    Text.array(of: Text.one(of: [["type": "string"], Text.array(of: ["type": "integer"], isOptional: false)]), least: 1, most: 2_048, isOptional: false),
                ]),
                "model": Text.string(), "dimensions": Text.integer(), "encoding_format": Text.string(of: ["float", "base64"]), "user": Text.string(),
                "truncate": Text.boolean(), "truncate_prompt_tokens": Text.integer(), "truncation_side": Text.string(of: ["right"]),
            ], required: ["input"]),
        "AdapterImport": Text.object(["source": ["type": "string", "description": "a folder inside the import folder"]], required: ["source"], isOpen: true),
        "LoadAdapter": Text.object(
            ["lora_name": ["type": "string"], "lora_path": ["type": "string"], "load_inplace": Text.boolean()], required: ["lora_name", "lora_path"],
            isOpen: true),
        "UnloadAdapter": Text.object(["lora_name": ["type": "string"], "lora_int_id": Text.integer()], required: ["lora_name"]),
        "FileUpload": Text.object(["file": ["type": "string", "format": "binary"], "purpose": ["type": "string"]], required: ["file", "purpose"], isOpen: true),
        "FineTuningRequest": Text.object(
            [
                "model": ["type": "string"], "training_file": ["type": "string"], "validation_file": Text.string(),
                "hyperparameters": Text.anyObject(), "method": Text.anyObject("`supervised` or `dpo`"), "suffix": Text.string(),
                "seed": Text.integer(0...Int(Int32.max)), "metadata": Text.anyObject(), "integrations": Text.array(of: ["type": "object"], most: 0),
                "lmoe": Text.anyObject("settings of `lmoe tune` by their names"),
            ], required: ["model", "training_file"]),
        "Fact": Text.object(fact, required: ["question", "answer"]),
        "TellRequest": Text.object(
            fact.merging([
                "memory": Text.string("needed where there are several"), "facts": Text.array(of: Text.reference("Fact"), least: 1, most: 256),
                "on_conflict": Text.string(of: ["refuse", "replace", "add"]),
            ])),
        "FactChange": Text.object(fact),
        "TokenizeRequest": Text.object(
            [
                "model": Text.string(), "prompt": Text.string(), "content": Text.string(), "add_special_tokens": Text.boolean(), "add_special": Text.boolean(),
                "parse_special": Text.boolean(), "with_pieces": Text.boolean(), "return_token_strs": Text.boolean(),
                "messages": Text.array(of: Text.reference("Message")),
            ], isOpen: true),
        "DetokenizeRequest": Text.object(["model": Text.string(), "tokens": Text.array(of: ["type": "integer"], isOptional: false)], required: ["tokens"], isOpen: true),
        "TemplateRequest": Text.object(["messages": Text.array(of: Text.reference("Message"), least: 1, isOptional: false)], required: ["messages"], isOpen: true),
        "ResponseRequest": Text.object(
            ["model": Text.string(), "input": Text.one(of: [["type": "string"], Text.array(of: ["type": "object"])])], required: ["input"], isOpen: true),
        "AnthropicRequest": Text.object(
            [
                "model": ["type": "string"], "max_tokens": ["type": "integer", "minimum": 1],
                "messages": Text.array(of: ["type": "object"], least: 1, isOptional: false),
            ], required: ["model", "max_tokens", "messages"], isOpen: true),
        "AnthropicCount": Text.object(
            ["model": ["type": "string"], "messages": Text.array(of: ["type": "object"], least: 1, isOptional: false)], required: ["model", "messages"],
            isOpen: true),
        "OllamaRequest": Text.object(["model": ["type": "string"]], required: ["model"], isOpen: true),
    ]

    private static let fact: JSONObject = [
        "question": Text.string(), "answer": Text.string(), "paraphrases": Text.array(of: ["type": "string"]), "source": Text.string(),
    ]
}

extension JSONObject {
    fileprivate func merging(_ other: JSONObject) -> JSONObject {
        var all = self
        for (name, value) in other { all[name] = value }
        return all
    }
}
