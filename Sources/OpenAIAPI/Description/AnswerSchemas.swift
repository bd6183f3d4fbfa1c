import JSON

/// The schemas of answers by name: the members on which clients rely. All may have more.
enum AnswerSchemas {
    private typealias Text = SchemaText

    static let all: JSONObject = [
        "ChatCompletion": object("chat.completion", ["id", "created", "model", "choices", "usage"]),
        "Completion": object("text_completion", ["id", "created", "model", "choices", "usage"]),
        "Embeddings": object("list", ["data", "model", "usage"]), "Model": object("model", ["id", "created", "owned_by"]),
        "List": open(["data": ["type": "array"]], ["data"]), "Object": open([:], []),
        "Status": open(["status": ["type": "string"]], ["status"]),
        "RouteDecision": open(["adapter": ["type": ["string", "null"]], "route": ["type": "string"]], ["adapter", "route"]),
        "Adapter": object("adapter", ["name", "state", "folder"]), "File": object("file", ["id", "bytes", "filename", "purpose"]),
        "FineTuningJob": object("fine_tuning.job", ["id", "status", "model", "training_file"]),
        "Response": object("response", ["id", "created_at", "status", "output"]),
        "AnthropicMessage": open(["type": ["const": "message"]], ["id", "type", "role", "content", "model", "stop_reason", "usage"]),
        "TokenCount": open(["input_tokens": ["type": "integer"]], ["input_tokens"]),
        // LoRAX answers `POST /` with a list of one.
        "Generated": Text.one(of: [
            open(["generated_text": ["type": "string"]], ["generated_text"]),
            Text.array(of: open(["generated_text": ["type": "string"]], ["generated_text"]), isOptional: false),
        ]),
        "Array": ["type": "array"],
        "Error": open(
            ["error": open(["message": ["type": "string"], "type": ["type": "string"]], ["message", "type", "param", "code"])], ["error"]),
        "LoRAXError": open(["error": ["type": "string"], "error_type": ["type": "string"]], ["error", "error_type"]),
        "AnthropicError": open(["type": ["const": "error"], "error": open([:], ["type", "message"])], ["type", "error"]),
        "OllamaError": open(["error": ["type": "string"]], ["error"]),
    ]

    private static func open(_ properties: JSONObject, _ required: [String]) -> JSONValue {
        Text.object(properties, required: required, isOpen: true)
    }

    private static func object(_ kind: String, _ required: [String]) -> JSONValue {
        open(["object": ["const": .string(kind)]], ["object"] + required)
    }
}
