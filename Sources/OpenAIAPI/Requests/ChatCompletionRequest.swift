import Generation
import JSON

/// `POST /v1/chat/completions`.
enum ChatCompletionRequest {
    static func read(
        _ cursor: JSONCursor, names: ModelNames, fields: FieldPolicy, limits: APILimits
    ) throws(APIError) -> GenerationJob {
        do {
            try fields.check(cursor, FieldNames.chat)
            let messages = try ChatMessage.read(cursor["messages"], fields: fields, limits: limits)
            let tools = try ToolFields(cursor, limits: limits)
            try refuseOtherOutputs(cursor)
            let shared = try SamplingFields(cursor, fields: fields, limits: limits)
            let maxTokens =
                try cursor["max_completion_tokens"].optionalInt(in: 1...Int(Int32.max))
                ?? cursor["max_tokens"].optionalInt(in: 1...Int(Int32.max))
            let tokens = try TokenOptions(cursor, maxTokens: maxTokens, isStream: shared.isStream, limits: limits)
            if try cursor["add_special_tokens"].optionalBool() == true {
                throw cursor["add_special_tokens"].invalid("expected false: a chat template writes the special tokens itself")
            }
            var job = GenerationJob(
                prompts: [.init(prompt: .chat(messages, tools: tools.functions), routed: .messages(messages))],
                choices: shared.choices, selection: try ModelSelection.read(cursor, names: names),
                memories: try MemorySelection(cursor["memory"], names: names, fields: fields), scale: try ModelSelection.scale(cursor),
                route: try RouteOptions(cursor["route"], fields: fields, limits: limits), sampling: shared.sampling,
                maxTokens: maxTokens, stop: shared.stop, topLogprobs: try topLogprobs(cursor, limits: limits),
                ignoresEndOfSequence: shared.ignoresEndOfSequence, isStream: shared.isStream, user: shared.user,
                includesUsage: shared.includesUsage, hasContinuousUsage: shared.hasContinuousUsage)
            job.toolChoice = tools.choice
            job.writesFunctionCall = tools.isLegacy
            job.rendering = try RenderingFields.read(cursor, limits: limits)
            job.tokens = tokens
            job.alias = try names.alias(cursor["model"])
            // As in vLLM, only an assistant's last message is a part of the answer's text.
            if try cursor["echo"].optionalBool() == true, let last = messages.last, last.role == "assistant" {
                job.prompts[0].echo = last.content
            }
            job.format = try AnswerFormat.read(cursor)
            return job
        } catch let error as APIError {
            throw error
        } catch {
            throw APIError(reaching: error)
        }
    }

    private static func topLogprobs(_ cursor: JSONCursor, limits: APILimits) throws(JSONError) -> Int? {
        let wanted = try cursor["logprobs"].optionalBool() ?? false
        let top = try cursor["top_logprobs"].optionalInt(in: 0...limits.topLogprobs)
        guard wanted || top == nil else {
            throw cursor["top_logprobs"].invalid("only allowed when `logprobs` is true")
        }
        return wanted ? top ?? 0 : nil
    }

    private static func refuseOtherOutputs(_ cursor: JSONCursor) throws(JSONError) {
        for place in try cursor["modalities"].optionalArray() ?? [] {
            let modality = try place.name()
            guard modality == "text" else { throw place.invalid("`\(modality)` is not supported: this server writes text only") }
        }
        if cursor["audio"].exists { throw cursor["audio"].invalid("not supported: this server writes text only") }
    }
}
