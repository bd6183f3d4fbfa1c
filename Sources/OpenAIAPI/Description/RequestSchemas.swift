import JSON

/// The schemas of bodies by name.
enum RequestSchemas {
    private typealias Text = SchemaText

    static let all: JSONObject = [
        "ChatCompletionRequest": chat, "CompletionRequest": completion, "Message": message, "Tool": tool, "GenerateRequest": loRAX,
        "WeightedAdapter": Text.object(["id": ["type": "integer", "minimum": 0], "scale": ["type": "number"]], required: ["id", "scale"], isOpen: true),
        "WeightedAdapters": Text.array(of: Text.reference("WeightedAdapter"), isOptional: false),
        "RouteOptions": Text.object([
            "threshold": Text.number(0...1), "candidates": Text.array(of: Text.name(isOptional: false), least: 1, most: 1_000), "explain": Text.boolean(),
        ]),
        "RouteRequest": Text.object(
            [
                "input": Text.one(of: [["type": "string"], Text.array(of: Text.reference("Message"), least: 1, isOptional: false)]),
                "top": Text.integer(1...1_000), "threshold": Text.number(0...1), "candidates": Text.array(of: Text.name(isOptional: false), least: 1, most: 1_000),
                "map": Text.boolean("the examples around the text in two dimensions, too"),
            ], required: ["input"]),
        "EmbeddingRequest": Text.object(
            [
                "input": Text.one(of: [
                    embedded, tokens,
                    Text.array(of: Text.one(of: [embedded, tokens]), least: 1, most: 2_048, isOptional: false),
                ]),
                "model": Text.name(), "dimensions": Text.integer(), "encoding_format": Text.string(of: ["float", "base64"]), "user": Text.anything("ignored"),
                "truncate": Text.boolean(), "truncate_prompt_tokens": Text.integer(), "truncation_side": Text.string(of: ["right"]),
            ], required: ["input"]),
        "AdapterImport": Text.object(
            [
                "source": Text.name("a folder inside the import folder"), "uploaded": Text.boolean("the uploaded files instead of `source`"),
                "replace": Text.boolean("replaces an adapter of that name"),
            ], isOpen: true),
        "AdapterFile": ["type": "string", "format": "binary"],
        "LoadAdapter": Text.object(
            ["lora_name": Text.name(isOptional: false), "lora_path": Text.name(isOptional: false), "load_inplace": Text.boolean()], required: ["lora_name", "lora_path"],
            isOpen: true),
        "UnloadAdapter": Text.object(["lora_name": Text.name(isOptional: false), "lora_int_id": Text.integer()], required: ["lora_name"]),
        "FileUpload": Text.object(["file": ["type": "string", "format": "binary"], "purpose": Text.string(of: ["fine-tune"], isOptional: false)], required: ["file", "purpose"], isOpen: true),
        "FineTuningRequest": Text.object(
            [
                "model": Text.name(isOptional: false), "training_file": Text.name(isOptional: false), "validation_file": Text.name(),
                "hyperparameters": Text.anyObject(), "method": Text.anyObject("`supervised` or `dpo`"), "suffix": Text.string(),
                "seed": Text.integer(0...Int(Int32.max)), "metadata": Text.anyObject(), "integrations": Text.array(of: ["type": "object"], most: 0),
                "lmoe": Text.anyObject("settings of `lmoe tune` by their names"),
            ], required: ["model", "training_file"]),
        "Fact": Text.object(fact, required: ["question", "answer"]),
        "TellRequest": Text.one(of: [
            Text.object(fact.merging(telling), required: ["question", "answer"]),
            Text.object(
                telling.merging(["facts": Text.array(of: Text.reference("Fact"), least: 1, most: 256, isOptional: false)]), required: ["facts"]),
        ]),
        "FactChange": Text.object(["question": Text.string(), "answer": Text.string(), "paraphrases": paraphrases]),
        "TokenizeRequest": Text.object(
            [
                "model": Text.name(), "prompt": Text.string(), "content": Text.string(), "add_special_tokens": Text.boolean(), "add_special": Text.boolean(),
                "parse_special": Text.boolean(), "with_pieces": Text.boolean(), "return_token_strs": Text.boolean(),
                "messages": Text.array(of: Text.reference("Message")),
            ], isOpen: true),
        "DetokenizeRequest": Text.object(["model": Text.name(), "tokens": Text.array(of: ["type": "integer"], isOptional: false)], required: ["tokens"], isOpen: true),
        "TemplateRequest": Text.object(["messages": Text.array(of: Text.reference("Message"), least: 1, isOptional: false)], required: ["messages"], isOpen: true),
        "ResponseRequest": Text.object(
            ["model": Text.name(), "input": Text.one(of: [["type": "string"], Text.array(of: ["type": "object"])])], required: ["input"], isOpen: true),
        "AnthropicRequest": Text.object(
            ["model": Text.name("without one the base answers"), "max_tokens": ["type": "integer", "minimum": 1], "messages": turns],
            required: ["max_tokens", "messages"], isOpen: true),
        "AnthropicCount": Text.object(
            ["model": Text.name(), "messages": turns], required: ["messages"], isOpen: true),
        "OllamaRequest": Text.object(["model": Text.name("without one the router decides")], isOpen: true),
        "OllamaModel": Text.object(["model": Text.name(isOptional: false)], required: ["model"], isOpen: true),
    ]

    private static let paraphrases = Text.array(of: ["type": "string"])
    private static let fact: JSONObject = [
        "question": ["type": "string"], "answer": ["type": "string"], "paraphrases": paraphrases, "source": Text.string(),
    ]
    private static let telling: JSONObject = [
        "memory": Text.name("needed where there are several"), "on_conflict": Text.string(of: ["refuse", "replace", "add"]),
    ]
    private static let embedded = Text.string(least: 1, isOptional: false)
    private static let tokens = Text.array(of: ["type": "integer", "minimum": 0], least: 1, isOptional: false)
    private static let turns = Text.array(
        of: Text.object(
            ["role": Text.string(of: ["user", "assistant", "system"], isOptional: false), "content": Text.one(of: [["type": "string"], ["type": "array"]])],
            required: ["role", "content"], isOpen: true),
        least: 1, most: 2_048, isOptional: false)
}

extension JSONObject {
    fileprivate func merging(_ other: JSONObject) -> JSONObject {
        var all = self
        for (name, value) in other { all[name] = value }
        return all
    }
}
