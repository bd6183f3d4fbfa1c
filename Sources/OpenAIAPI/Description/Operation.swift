import JSON

/// What the description of the API says of one endpoint.
struct Operation: Sendable {
    enum Answer: Sendable {
        /// JSON of a schema.
        case json(String)
        case text
        case page
        case bytes
    }

    /// How an answer comes piece by piece, where the request asks for it.
    enum Stream: String, Sendable {
        case events = "text/event-stream"
        case lines = "application/x-ndjson"
    }

    var summary: String
    var tag: String
    /// Name of the body's schema; nil: there is none.
    var body: String?
    var bodyType = "application/json"
    var answer: Answer
    /// Those with which the answer comes; all others are errors.
    var statuses: [Int]
    var stream: Stream?
    /// Of the query.
    var query: JSONObject = [:]
    /// Header fields that it reads beside those of all.
    var headers: JSONObject = [:]

    init(
        _ summary: String, _ tag: String, body: String? = nil, bodyType: String = "application/json", _ answer: Answer, statuses: [Int] = [200],
        stream: Stream? = nil, query: JSONObject = [:], headers: JSONObject = [:]
    ) {
        self.summary = summary
        self.tag = tag
        self.body = body
        self.bodyType = bodyType
        self.answer = answer
        self.statuses = statuses
        self.stream = stream
        self.query = query
        self.headers = headers
    }

    /// OpenAPI's operation object.
    func json(_ endpoint: Endpoint, id: String) -> JSONValue {
        var operation: JSONObject = ["operationId": .string(id), "summary": .string(summary), "tags": [.string(tag)]]
        let parameters = pathParameters(endpoint.pattern) + fields(query, in: "query") + fields(headers, in: "header")
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        if let body {
            operation["requestBody"] = ["required": true, "content": .object([bodyType: ["schema": SchemaText.reference(body)]])]
        }
        operation["responses"] = .object(responses(endpoint))
        if endpoint.access == .open { operation["security"] = [] }
        return .object(operation)
    }

    private func fields(_ schemas: JSONObject, in place: String) -> [JSONValue] {
        schemas.map { name, schema in ["name": .string(name), "in": .string(place), "schema": schema] }
    }

    private func pathParameters(_ pattern: String) -> [JSONValue] {
        pattern.split(separator: "/").filter { $0.hasPrefix("{") }.map { segment in
            [
                "name": .string(String(segment.dropFirst().dropLast())), "in": "path", "required": true,
                "schema": ["type": "string", "minLength": 1],
            ]
        }
    }

    private func responses(_ endpoint: Endpoint) -> JSONObject {
        var content = JSONObject()
        switch answer {
        case .json(let schema): content["application/json"] = ["schema": SchemaText.reference(schema)]
        case .text: content["text/plain"] = ["schema": ["type": "string"]]
        case .page:
            content["text/html"] = ["schema": ["type": "string"]]
            content["text/plain"] = ["schema": ["type": "string"]]
        case .bytes: content["application/octet-stream"] = ["schema": ["type": "string"]]
        }
        // Without a schema: OpenAPI 3.1 has none for what comes piece by piece.
        if let stream { content[stream.rawValue] = [:] }
        let error: JSONValue = ["description": "an error", "content": ["application/json": ["schema": SchemaText.reference(endpoint.errors.schemaName)]]]
        var responses: JSONObject = ["default": error]
        for status in statuses { responses["\(status)"] = ["description": "the answer", "content": .object(content)] }
        return responses
    }
}

extension ErrorDialect {
    /// Of its errors.
    var schemaName: String {
        switch self {
        case .openAI, .vllm: "Error"
        case .lorax: "LoRAXError"
        case .anthropic: "AnthropicError"
        case .ollama: "OllamaError"
        }
    }
}
