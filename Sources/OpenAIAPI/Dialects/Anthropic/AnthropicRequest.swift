import Generation
import JSON

/// `POST /v1/messages`, as Anthropic's clients send it.
enum AnthropicRequest {
    /// Anthropic's own fields. Those of no meaning here are ignored: `metadata` but for the user, `service_tier`, `container`,
    /// `context_management`, `cache_control`, `inference_geo`, `speed`, `betas`.
    private static let known = FieldNames.selection.union([
        "messages", "max_tokens", "system", "stop_sequences", "stream", "temperature", "top_k", "top_p", "tools", "tool_choice", "thinking",
        "output_config", "output_format", "metadata", "service_tier", "container", "mcp_servers", "context_management", "cache_control",
        "inference_geo", "speed", "betas",
    ])

    /// - Parameter counts: for `count_tokens`, which needs no `max_tokens`.
    static func read(_ cursor: JSONCursor, _ reader: RequestReader, counts: Bool = false) throws(APIError) -> GenerationJob {
        try reader.read {
            try reader.fields.check(cursor, known)
            if try cursor["mcp_servers"].optionalArray()?.isEmpty == false {
                throw cursor["mcp_servers"].invalid("not supported: this server calls no other servers")
            }
            let tools = try AnthropicTools.read(cursor["tools"], reader)
            let choice = try AnthropicTools.choice(cursor["tool_choice"], tools, reader)
            let messages = try AnthropicMessages.read(cursor, reader)
            var sampling = SamplingParameters()
            sampling.temperature = try cursor["temperature"].optionalDouble(in: 0...2).map(Float.init) ?? 1
            sampling.topP = try cursor["top_p"].optionalDouble(in: 0...1).map(Float.init) ?? 1
            sampling.topK = try cursor["top_k"].optionalInt(in: 0...(1 << 30)) ?? 0
            let most = 1...Int(Int32.max)
            var job = try reader.job(
                RequestReader.prompt(messages, tools: tools, choice), cursor, sampling: sampling,
                maxTokens: counts ? cursor["max_tokens"].optionalInt(in: most) : cursor["max_tokens"].int(in: most),
                stop: SamplingFields.stop(cursor["stop_sequences"], limits: reader.limits),
                isStream: cursor["stream"].optionalBool() ?? false)
            job.toolChoice = choice
            job.user = try cursor["metadata"]["user_id"].optionalString()
            job.format = try format(cursor, reader)
            job.rendering.continuesFinalMessage = messages.last?.role == "assistant"
            if job.rendering.continuesFinalMessage { try refusePrefill(cursor, job) }
            job.rendering.asksForAnswer = !job.rendering.continuesFinalMessage
            job.rendering.variables = try variables(cursor, reader)
            return job
        }
    }

    /// The error in Anthropic's words, which clients read to shorten the conversation. One token of the context is for the answer.
    static func overlong(_ error: APIError, _ job: GenerationJob, tokens: Int, most: Int) -> APIError {
        var named = error
        if tokens >= most {
            named.message = "prompt is too long: \(tokens) tokens > \(most - 1) maximum"
        } else if let answer = job.maxTokens, tokens + answer > most {
            named.message =
                "input length and `max_tokens` exceed context limit: \(tokens) + \(answer) > \(most), decrease input length or `max_tokens` and try again"
        }
        return named
    }

    /// What the answer continues is not of its form: an object or a call cannot go on with other text.
    private static func refusePrefill(_ cursor: JSONCursor, _ job: GenerationJob) throws {
        let form: String
        switch job.toolChoice.mode {
        case .required, .named: form = "`tool_choice` asks for a call"
        case .automatic, .none:
            guard let format = job.format else { return }
            form = "`\(format.field)` asks for JSON"
        }
        guard let last = try cursor["messages"].array().last else { return }
        throw last.invalid("the last message may not be the assistant's when \(form): the answer would continue it; end with a message of the user")
    }

    /// `output_config.format`, which older clients call `output_format`.
    private static func format(_ cursor: JSONCursor, _ reader: RequestReader) throws -> AnswerFormat? {
        if cursor["output_config"].exists { try reader.fields.check(cursor["output_config"], ["effort", "format", "task_budget"]) }
        let (new, old) = (cursor["output_config"]["format"], cursor["output_format"])
        let place = new.exists ? new : old
        guard place.exists else { return nil }
        try reader.fields.check(place, ["type", "schema"])
        let type = try place["type"].name()
        guard type == "json_schema" else { throw place["type"].invalid("`\(type)` is not `json_schema`") }
        let schema = place["schema"]
        return AnswerFormat(.jsonSchema(AnswerSchema(.object(try schema.object()), isStrict: true)), field: schema.path)
    }

    /// `thinking` and `output_config.effort` for the chat template. A budget of thinking is only a wish.
    private static func variables(_ cursor: JSONCursor, _ reader: RequestReader) throws -> JSONObject {
        var variables = JSONObject()
        let (thinking, effort) = (cursor["thinking"], cursor["output_config"]["effort"])
        if thinking.exists {
            try reader.fields.check(thinking, ["type", "budget_tokens", "display", "block_binding"])
            switch try thinking["type"].name() {
            case "enabled", "adaptive": variables["enable_thinking"] = true
            case "disabled": variables["enable_thinking"] = false
            case let other: throw thinking["type"].invalid("`\(other)` is not one of enabled, adaptive and disabled")
            }
        }
        if let level = try effort.optionalName() {
            guard let level = ReasoningEffort(rawValue: level) else { throw effort.invalid("`\(level)` is not one of \(ReasoningEffort.names)") }
            // How much, not whether: that is `thinking`.
            variables["reasoning_effort"] = .string(level.rawValue)
        }
        return variables
    }
}
