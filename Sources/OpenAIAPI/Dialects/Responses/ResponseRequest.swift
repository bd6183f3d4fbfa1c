import Generation
import JSON

/// `POST /v1/responses`.
struct ResponseRequest: Sendable {
    /// Without its prompt, which may need stored items.
    var job: GenerationJob
    var tools: [ToolFunction]
    var instructions: String?
    /// New ones; references are not resolved.
    var input: [ResponseItem]
    var previous: String?
    var isStored: Bool
    /// Members of the answer that repeat the request.
    var echo: JSONObject

    /// OpenAI's fields. Those of no meaning here are ignored: `stream_options`, `service_tier`, `prompt_cache_key`,
    /// `prompt_cache_retention`, `max_tool_calls`.
    private static let known = FieldNames.selection.union([
        "input", "instructions", "tools", "tool_choice", "text", "temperature", "top_p", "max_output_tokens", "parallel_tool_calls",
        "reasoning", "metadata", "store", "previous_response_id", "stream", "stream_options", "include", "truncation", "top_logprobs",
        "user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "service_tier", "max_tool_calls", "background",
        "conversation", "prompt", "seed", "stop", "top_k", "min_p", "presence_penalty", "frequency_penalty", "repetition_penalty", "logit_bias",
    ])

    private static let included: Set<String> = [
        "file_search_call.results", "web_search_call.results", "web_search_call.action.sources", "message.input_image.image_url",
        "computer_call_output.output.image_url", "code_interpreter_call.outputs", "reasoning.encrypted_content",
        "message.output_text.logprobs",
    ]

    init(_ cursor: JSONCursor, _ reader: RequestReader) throws(APIError) {
        self = try reader.read { try ResponseRequest(reading: cursor, reader) }
    }

    private init(reading cursor: JSONCursor, _ reader: RequestReader) throws {
        try reader.fields.check(cursor, Self.known)
        try Self.refuseUnsupported(cursor)
        let (text, reasoning) = (cursor["text"], cursor["reasoning"])
        if text.exists { try reader.fields.check(text, ["format", "verbosity"]) }
        if reasoning.exists { try reader.fields.check(reasoning, ["effort", "summary", "generate_summary", "context", "mode"]) }
        let shared = try SamplingFields(cursor, fields: reader.fields, limits: reader.limits)
        tools = try ResponseTools.read(cursor["tools"], reader)
        let choice = try ResponseTools.choice(cursor["tool_choice"], tools, reader)
        let isParallel = try cursor["parallel_tool_calls"].optionalBool() ?? true
        let maxTokens = try cursor["max_output_tokens"].optionalInt(in: 1...Int(Int32.max))
        // The prompt comes later.
        job = try reader.job(
            RequestReader.prompt([], tools: []), cursor, sampling: shared.sampling, maxTokens: maxTokens, stop: shared.stop,
            isStream: shared.isStream)
        job.toolChoice = ToolChoice(choice.mode, allowed: choice.allowed, isParallel: isParallel)
        job.user = shared.user
        job.topLogprobs = try Self.logprobs(cursor, reader)
        job.format = try Self.format(text["format"], reader)
        job.rendering.variables = try Self.variables(reasoning["effort"])
        if try cursor["truncation"].optionalName() == "auto" { job.tokens.truncation = PromptTruncation(tokens: nil) }
        instructions = try cursor["instructions"].optionalString()
        input = try ResponseItem.read(cursor["input"], reader)
        previous = try cursor["previous_response_id"].optionalName()
        isStored = try cursor["store"].optionalBool() ?? true
        guard !input.isEmpty || previous != nil else { throw JSONError(.missing, "missing; expected a string or items", path: "input") }
        echo = Self.echo(cursor, job, isStored: isStored)
    }

    private static func refuseUnsupported(_ cursor: JSONCursor) throws {
        if try cursor["background"].optionalBool() == true {
            throw cursor["background"].invalid("not supported: answers come at once, whole or as a stream")
        }
        for field in ["conversation", "prompt"] where cursor[field].exists {
            throw cursor[field].invalid(
                "not supported" + (field == "prompt" ? "; send `instructions` and `input`" : "; use `previous_response_id`, or send the items"))
        }
        if let truncation = try cursor["truncation"].optionalName(), !["auto", "disabled"].contains(truncation) {
            throw cursor["truncation"].invalid("`\(truncation)` is neither auto nor disabled")
        }
    }

    /// `top_logprobs`, or what `include` asks for.
    private static func logprobs(_ cursor: JSONCursor, _ reader: RequestReader) throws -> Int? {
        let top = try cursor["top_logprobs"].optionalInt(in: 0...reader.limits.topLogprobs)
        var isIncluded = false
        for place in try cursor["include"].optionalArray() ?? [] {
            let name = try place.name()
            guard included.contains(name) else { throw place.invalid("`\(name)` is nothing that an answer can include") }
            if name == "message.output_text.logprobs" { isIncluded = true }
        }
        return isIncluded ? top ?? 0 : top.flatMap { $0 > 0 ? $0 : nil }
    }

    /// `text.format`, whose schema stands beside its type.
    private static func format(_ cursor: JSONCursor, _ reader: RequestReader) throws -> AnswerFormat? {
        guard cursor.exists else { return nil }
        try reader.fields.check(cursor, ["type", "name", "schema", "strict", "description"])
        switch try cursor["type"].name() {
        case "text": return nil
        case "json_object": return AnswerFormat(.jsonObject, field: cursor.path)
        case "json_schema":
            let name = try cursor["name"].name()
            let isName = (1...64).contains(name.utf8.count) && name.utf8.allSatisfy(\.isNameByte)
            guard isName else { throw cursor["name"].invalid("expected 1 to 64 letters, digits, underscores and dashes") }
            let schema = AnswerSchema(
                .object(try cursor["schema"].object()), name: name, description: try cursor["description"].optionalString(),
                isStrict: try cursor["strict"].optionalBool() ?? false)
            return AnswerFormat(.jsonSchema(schema), field: cursor["schema"].path)
        case let other: throw cursor["type"].invalid("`\(other)` is not one of text, json_object and json_schema")
        }
    }

    private static func variables(_ cursor: JSONCursor) throws -> JSONObject {
        guard let level = try cursor.optionalName() else { return [:] }
        guard let effort = ReasoningEffort(rawValue: level) else {
            throw cursor.invalid("`\(level)` is not one of \(ReasoningEffort.names)")
        }
        return effort.variables
    }

    private static func echo(_ cursor: JSONCursor, _ job: GenerationJob, isStored: Bool) -> JSONObject {
        func given(_ field: String, _ standard: JSONValue = .null) -> JSONValue {
            cursor[field].exists ? cursor[field].value ?? standard : standard
        }
        var text: JSONObject = ["format": ["type": "text"]]
        for (key, value) in given("text").objectValue ?? [:] where !value.isNull { text[key] = value }
        var reasoning: JSONObject = ["effort": nil, "summary": nil]
        for (key, value) in given("reasoning").objectValue ?? [:] { reasoning[key] = value }
        return [
            "background": false, "instructions": given("instructions"), "max_output_tokens": given("max_output_tokens"),
            "max_tool_calls": given("max_tool_calls"), "metadata": given("metadata", [:]),
            "parallel_tool_calls": given("parallel_tool_calls", true), "previous_response_id": given("previous_response_id"),
            "prompt_cache_key": given("prompt_cache_key"), "reasoning": .object(reasoning), "safety_identifier": given("safety_identifier"),
            "service_tier": "default", "store": .bool(isStored), "temperature": JSONValue(shortest: job.sampling.temperature),
            "text": .object(text), "tool_choice": given("tool_choice", "auto"), "tools": ResponseTools.echo(given("tools", [])),
            "top_logprobs": given("top_logprobs", 0), "top_p": JSONValue(shortest: job.sampling.topP),
            "truncation": given("truncation", "disabled"), "user": given("user"),
        ]
    }
}

extension UInt8 {
    /// A character of a name of OpenAI's: a letter, a digit, an underscore or a dash.
    var isNameByte: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
