import Generation
import JSON

/// `POST /api/chat` and `/api/generate`, as Ollama's clients send them.
struct OllamaRequest: Sendable {
    enum Order: Sendable {
        case answer(GenerationJob, OllamaShape)
        /// Without a prompt or a message: bring who answers into memory, or take it out.
        case load, unload
    }

    /// As the client wrote it.
    var model: String
    var selection: ModelSelection
    var order: Order
    /// What answered leaves memory afterwards.
    var unloadsAfterwards = false

    private static let shared: Set<String> = [
        "options", "stream", "format", "keep_alive", "think", "logprobs", "top_logprobs", "truncate", "shift", "images",
    ]
    private static let chat = FieldNames.selection.union(shared).union(["messages", "tools"])
    private static let generate = FieldNames.selection.union(shared).union(["prompt", "suffix", "system", "template", "raw", "context"])

    static func chat(_ cursor: JSONCursor, _ reader: RequestReader) throws(APIError) -> OllamaRequest {
        try reader.read {
            try reader.fields.check(cursor, chat)
            let tools = try tools(cursor["tools"], reader)
            let messages = try OllamaMessages.read(cursor["messages"], reader)
            let prompt = messages.isEmpty ? nil : RequestReader.prompt(messages, tools: tools)
            return try OllamaRequest(cursor, prompt, isChat: true, reader)
        }
    }

    static func generate(_ cursor: JSONCursor, _ reader: RequestReader) throws(APIError) -> OllamaRequest {
        try reader.read {
            try reader.fields.check(cursor, generate)
            for field in ["suffix", "template"] where try cursor[field].optionalString()?.isEmpty == false {
                throw cursor[field].invalid("not supported; leave it out")
            }
            if try cursor["context"].optionalArray()?.isEmpty == false {
                throw cursor["context"].invalid("not supported: answers have no context here; send the conversation to /api/chat")
            }
            try OllamaMessages.refuseImages(cursor["images"])
            let text = try cursor["prompt"].optionalString() ?? ""
            let system = try cursor["system"].optionalString() ?? ""
            var prompt: GenerationJob.Prompt?
            if !text.isEmpty, try cursor["raw"].optionalBool() == true {
                prompt = .init(prompt: .text(text, addSpecialTokens: true, parseSpecial: true), routed: .text(text))
            } else if !text.isEmpty {
                let turns = [ChatMessage(role: "system", content: system), ChatMessage(role: "user", content: text)]
                prompt = RequestReader.prompt(system.isEmpty ? Array(turns.dropFirst()) : turns, tools: [])
            }
            return try OllamaRequest(cursor, prompt, isChat: false, reader)
        }
    }

    private init(_ cursor: JSONCursor, _ prompt: GenerationJob.Prompt?, isChat: Bool, _ reader: RequestReader) throws {
        let given = try cursor["model"].optionalName() ?? "auto"
        let keep = try OllamaDuration.seconds(cursor["keep_alive"])
        model = given
        let plain = Self.untagged(given) { reader.names.selection($0) != nil }
        guard given.isEmpty || reader.names.selection(plain) != nil || reader.names.refusal(plain) != nil else {
            throw OllamaModel.missing(given)
        }
        guard let prompt else {
            selection = try ModelSelection.read(Self.untagged(cursor, reader.names), names: reader.names)
            order = keep == 0 ? .unload : .load
            return
        }
        let options = try OllamaOptions(cursor["options"], reader)
        var job = try reader.job(
            prompt, Self.untagged(cursor, reader.names), sampling: options.sampling, maxTokens: options.maxTokens, stop: options.stop,
            isStream: cursor["stream"].optionalBool() ?? true)
        let top = try cursor["top_logprobs"].optionalInt(in: 0...reader.limits.topLogprobs)
        if try cursor["logprobs"].optionalBool() == true { job.topLogprobs = top ?? 0 }
        job.format = try Self.format(cursor["format"])
        if try cursor["truncate"].optionalBool() ?? true { job.tokens.truncation = PromptTruncation(tokens: nil) }
        job.rendering.variables = try Self.variables(cursor["think"])
        selection = job.selection
        order = .answer(job, OllamaShape(model: given, isChat: isChat))
        unloadsAfterwards = keep == 0
    }

    /// `name:latest` is `name`, unless that is a name of its own.
    static func untagged(_ name: String, isKnown: (String) -> Bool) -> String {
        let tag = ":latest"
        return name.hasSuffix(tag) && !isKnown(name) ? String(name.dropLast(tag.count)) : name
    }

    private static func untagged(_ cursor: JSONCursor, _ names: ModelNames) throws -> JSONCursor {
        guard case .object(var members) = cursor.value, let name = try cursor["model"].optionalName() else { return cursor }
        members["model"] = .string(untagged(name) { names.selection($0) != nil })
        return JSONCursor(.object(members), path: cursor.path)
    }

    private static func tools(_ cursor: JSONCursor, _ reader: RequestReader) throws -> [ToolFunction] {
        var tools: [ToolFunction] = []
        for place in try cursor.optionalArray() ?? [] {
            let type = try place["type"].optionalName() ?? "function"
            guard type == "function" else { throw place["type"].invalid("`\(type)` is not `function`") }
            let function = place["function"]
            tools.append(
                ToolFunction(
                    name: try ToolFields.name(function["name"], limits: reader.limits), description: try function["description"].optionalString(),
                    parameters: try function["parameters"].optionalObject().map(JSONValue.object)))
        }
        try reader.check(tools, cursor)
        return tools
    }

    /// Nothing, `json` for any object, or a schema.
    private static func format(_ cursor: JSONCursor) throws -> AnswerFormat? {
        switch cursor.value {
        case nil, .null, .string(""): return nil
        case .string:
            let name = try cursor.name()
            guard name == "json" else { throw cursor.invalid("`\(name)` is not `json`; expected that or a schema") }
            return AnswerFormat(.jsonObject, field: cursor.path)
        case .object: return AnswerFormat(.jsonSchema(AnswerSchema(cursor.value ?? .null)), field: cursor.path)
        default: throw cursor.invalid("expected `json` or a schema, found \(cursor.value?.kindName ?? "nothing")")
        }
    }

    /// `think`, a boolean or a level, for the chat template.
    private static func variables(_ cursor: JSONCursor) throws -> JSONObject {
        switch cursor.value {
        case nil, .null: return [:]
        case .bool(let thinks): return ["enable_thinking": .bool(thinks)]
        default:
            let level = try cursor.name()
            guard let effort = ReasoningEffort(rawValue: level) else {
                throw cursor.invalid("`\(level)` is neither a boolean nor one of \(ReasoningEffort.names)")
            }
            return effort.variables
        }
    }
}
