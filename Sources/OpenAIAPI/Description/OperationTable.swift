import JSON

/// What each endpoint does, by method and path. A test compares it with `Endpoint.all`.
enum OperationTable {
    private typealias Text = SchemaText
    private static let page = list(most: FineTuningLimits().page)

    private static func list(most: Int) -> JSONObject {
        ["after": ["type": "string"], "limit": ["type": "integer", "minimum": 1, "maximum": .integer(Int64(most))]]
    }

    static let all: [String: Operation] = generation.merging(dialects) { $1 }.merging(management) { $1 }.merging(tuning) { $1 }

    private static let generation: [String: Operation] = [
        "POST /v1/chat/completions": Operation("Answers a conversation", "Generation", body: "ChatCompletionRequest", .json("ChatCompletion"), stream: .events),
        "POST /v1/completions": Operation("Continues texts", "Generation", body: "CompletionRequest", .json("Completion"), stream: .events),
        "POST /v1/embeddings": Operation("Embeds texts with the router's encoder", "Generation", body: "EmbeddingRequest", .json("Embeddings")),
        "POST /v1/route": Operation("Says which adapter would answer, and why", "Routing", body: "RouteRequest", .json("RouteDecision")),
        "POST /tokenize": Operation("Token ids of a text or of a rendered conversation", "Tokens", body: "TokenizeRequest", .json("Object")),
        "POST /detokenize": Operation("Text of token ids", "Tokens", body: "DetokenizeRequest", .json("Object")),
        "GET /tokenizer_info": Operation("Special tokens and the chat template", "Tokens", .json("Object")),
        "POST /apply-template": Operation("A conversation as the model reads it", "Tokens", body: "TemplateRequest", .json("Object")),
        "GET /props": Operation("Properties of the server, as llama.cpp's", "Tokens", .json("Object")),
    ]

    private static let dialects: [String: Operation] = [
        "GET /": Operation("The console, or a line for clients that look for a server", "Console", .page),
        "POST /": Operation("LoRAX's request, whole or streamed", "LoRAX", body: "GenerateRequest", .json("Generated"), stream: .events),
        "POST /generate": Operation("LoRAX's request, whole", "LoRAX", body: "GenerateRequest", .json("Generated")),
        "POST /generate_stream": Operation("LoRAX's request, streamed", "LoRAX", body: "GenerateRequest", .json("Generated"), stream: .events),
        "GET /info": Operation("LoRAX's description of the server", "LoRAX", .json("Object")),
        "GET /lora-adapters": Operation("llama.cpp's list of adapters", "llama.cpp", .json("Array")),
        "POST /lora-adapters": Operation("Sets who answers where the router would decide", "llama.cpp", body: "WeightedAdapters", .json("Object")),
        "POST /v1/responses": Operation("OpenAI's responses", "Responses", body: "ResponseRequest", .json("Response"), stream: .events),
        "POST /v1/responses/input_tokens": Operation("Counts a request's tokens", "Responses", body: "ResponseRequest", .json("TokenCount")),
        "GET /v1/responses/{id}": Operation("A stored response", "Responses", .json("Response")),
        "DELETE /v1/responses/{id}": Operation("Forgets a response", "Responses", .json("Object")),
        "GET /v1/responses/{id}/input_items": Operation("What a response answered", "Responses", .json("List"), query: list(most: 100)),
        "POST /v1/responses/{id}/cancel": Operation("Cancels a response in the background; there are none", "Responses", .json("Response")),
        "POST /v1/messages": Operation("Anthropic's messages", "Anthropic", body: "AnthropicRequest", .json("AnthropicMessage"), stream: .events),
        "POST /v1/messages/count_tokens": Operation("Counts a request's tokens", "Anthropic", body: "AnthropicCount", .json("TokenCount")),
        "GET /api/version": Operation("The version", "Ollama", .json("Object")), "GET /api/tags": Operation("Models", "Ollama", .json("Object")),
        "GET /api/ps": Operation("Models in memory", "Ollama", .json("Object")),
        "POST /api/show": Operation("What a model is", "Ollama", body: "OllamaModel", .json("Object")),
        "POST /api/chat": Operation("Answers a conversation", "Ollama", body: "OllamaRequest", .json("Object"), stream: .lines),
        "POST /api/generate": Operation("Continues a text", "Ollama", body: "OllamaRequest", .json("Object"), stream: .lines),
        "POST /api/embed": Operation("Embeds texts", "Ollama", body: "OllamaModel", .json("Object")),
        "POST /api/embeddings": Operation("Embeds a text", "Ollama", body: "OllamaModel", .json("Object")),
    ]

    private static let management: [String: Operation] = [
        "GET /v1/models": Operation("The base, the adapters and the encoder", "Models", .json("List")),
        "GET /v1/models/{id}": Operation("A model", "Models", .json("Model")),
        "GET /v1/adapters": Operation("Adapters with their states", "Adapters", .json("List")),
        "GET /v1/adapters/{name}": Operation("An adapter", "Adapters", .json("Adapter")),
        "PUT /v1/adapters/{name}": Operation(
            "Copies an adapter from the import folder, or publishes uploaded files", "Adapters", body: "AdapterImport", .json("Adapter"), statuses: [201]),
        "PUT /v1/adapters/{name}/files/{file}": Operation(
            "Uploads a file of an adapter, or a piece of it", "Adapters", body: "AdapterFile", bodyType: "application/octet-stream", .json("Object"),
            headers: ["Content-Range": ["type": "string", "pattern": "^bytes [0-9]+-[0-9]+/[0-9]+$"]]),
        "DELETE /v1/adapters/{name}/files": Operation("Deletes uploaded files that are not published", "Adapters", .json("Object")),
        "DELETE /v1/adapters/{name}": Operation("Deletes an adapter's folder", "Adapters", .json("Object")),
        "POST /v1/load_lora_adapter": Operation("Serves an adapter, as vLLM does", "Adapters", body: "LoadAdapter", .text),
        "POST /v1/unload_lora_adapter": Operation("Stops serving an adapter, as vLLM does", "Adapters", body: "UnloadAdapter", .text),
        "POST /v1/memories": Operation("Tells facts", "Memories", body: "TellRequest", .json("Object")),
        "GET /v1/memories": Operation(
            "Facts", "Memories", .json("List"), query: list(most: MemoryLimits().page).with(["memory": ["type": "string"], "contains": ["type": "string"]])),
        "GET /v1/memories/{id}": Operation("A fact", "Memories", .json("Object")),
        "PATCH /v1/memories/{id}": Operation("Changes a fact", "Memories", body: "FactChange", .json("Object")),
        "DELETE /v1/memories/{id}": Operation("Forgets a fact", "Memories", .json("Object")),
        "GET /health": Operation("The process runs", "Server", .json("Status")),
        "GET /ready": Operation("Whether requests can be answered now; 503 while not", "Server", .json("Status"), statuses: [200, 503]),
        "GET /metrics": Operation("Figures in Prometheus' format", "Server", .text),
        "GET /openapi.json": Operation("This description", "Server", .json("Object")),
    ]

    private static let tuning: [String: Operation] = [
        "POST /v1/files": Operation("Uploads examples", "Files", body: "FileUpload", bodyType: "multipart/form-data", .json("File")),
        "GET /v1/files": Operation("Files", "Files", .json("List"), query: page), "GET /v1/files/{id}": Operation("A file", "Files", .json("File")),
        "GET /v1/files/{id}/content": Operation("A file's bytes", "Files", .bytes), "DELETE /v1/files/{id}": Operation("Deletes a file", "Files", .json("Object")),
        "POST /v1/fine_tuning/jobs": Operation("Tunes an adapter", "Fine-tuning", body: "FineTuningRequest", .json("FineTuningJob")),
        "GET /v1/fine_tuning/jobs": Operation("Jobs", "Fine-tuning", .json("List"), query: page),
        "GET /v1/fine_tuning/jobs/{id}": Operation("A job", "Fine-tuning", .json("FineTuningJob")),
        "GET /v1/fine_tuning/jobs/{id}/events": Operation("What happened to a job", "Fine-tuning", .json("List"), query: page),
        "GET /v1/fine_tuning/jobs/{id}/checkpoints": Operation("A job's checkpoints", "Fine-tuning", .json("List"), query: page),
        "POST /v1/fine_tuning/jobs/{id}/cancel": Operation("Ends a job", "Fine-tuning", .json("FineTuningJob")),
        "POST /v1/fine_tuning/jobs/{id}/pause": Operation("Pauses a job", "Fine-tuning", .json("FineTuningJob")),
        "POST /v1/fine_tuning/jobs/{id}/resume": Operation("Goes on with a job", "Fine-tuning", .json("FineTuningJob")),
    ]
}

extension JSONObject {
    fileprivate func with(_ other: JSONObject) -> JSONObject {
        var all = self
        for (name, value) in other { all[name] = value }
        return all
    }
}
