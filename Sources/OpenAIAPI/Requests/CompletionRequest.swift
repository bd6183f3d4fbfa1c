import Generation
import JSON

/// `POST /v1/completions`.
///
/// `prompt` is a text, token ids, or an array of either; each prompt is routed by itself. `echo` puts a text prompt
/// before its completion, without log-probabilities; `best_of` must equal `n`; `suffix` is refused.
enum CompletionRequest {
    static func read(
        _ cursor: JSONCursor, names: ModelNames, fields: FieldPolicy, limits: APILimits
    ) throws(APIError) -> GenerationJob {
        do {
            try fields.check(cursor, FieldNames.completion)
            let shared = try SamplingFields(cursor, fields: fields, limits: limits)
            let top = try cursor["logprobs"].optionalInt(in: 0...limits.topLogprobs)
            let echoes = try cursor["echo"].optionalBool() ?? false
            if echoes, top != nil {
                throw cursor["echo"].invalid("not supported together with `logprobs`: prompts have no log-probabilities here")
            }
            if let bestOf = try cursor["best_of"].optionalInt(in: 1...limits.choices), bestOf != shared.choices {
                throw cursor["best_of"].invalid("expected \(shared.choices), as `n` is: candidates are not ranked here")
            }
            if let suffix = try cursor["suffix"].optionalString(), !suffix.isEmpty {
                throw cursor["suffix"].invalid("not supported: this model only continues a text")
            }
            let prompts = try prompts(cursor["prompt"], echoes: echoes)
            guard prompts.count * shared.choices <= limits.sequences else {
                throw cursor["prompt"].invalid(
                    "\(prompts.count) prompts with n = \(shared.choices); at most \(limits.sequences) sequences are taken")
            }
            return GenerationJob(
                prompts: prompts, choices: shared.choices, selection: try ModelSelection.read(cursor, names: names),
                memories: try MemorySelection(cursor["memory"], names: names, fields: fields), scale: try ModelSelection.scale(cursor),
                route: try RouteOptions(cursor["route"], fields: fields, limits: limits), sampling: shared.sampling,
                maxTokens: try cursor["max_tokens"].optionalInt(in: 1...Int(Int32.max)) ?? defaultMaxTokens,
                stop: shared.stop, topLogprobs: top, ignoresEndOfSequence: shared.ignoresEndOfSequence,
                isStream: shared.isStream, user: shared.user, includesUsage: shared.includesUsage,
                hasContinuousUsage: shared.hasContinuousUsage)
        } catch let error as APIError {
            throw error
        } catch {
            throw APIError(reaching: error)
        }
    }

    /// OpenAI's default.
    private static let defaultMaxTokens = 16

    private static func prompts(_ cursor: JSONCursor, echoes: Bool) throws(JSONError) -> [GenerationJob.Prompt] {
        if case .array(let elements) = cursor.value {
            guard let first = elements.first else { throw cursor.invalid("expected at least one prompt") }
            if first.intValue != nil { return [try prompt(cursor, echoes: echoes)] }
            var prompts: [GenerationJob.Prompt] = []
            for place in try cursor.array() { prompts.append(try prompt(place, echoes: echoes)) }
            return prompts
        }
        return [try prompt(cursor, echoes: echoes)]
    }

    private static func prompt(_ cursor: JSONCursor, echoes: Bool) throws(JSONError) -> GenerationJob.Prompt {
        switch cursor.value {
        case .string(let text):
            return .init(
                prompt: .text(text, addSpecialTokens: true, parseSpecial: true), routed: .text(text),
                echo: echoes ? text : "")
        case .array:
            if echoes { throw cursor.invalid("token ids cannot be echoed; send the text") }
            var tokens: [Int32] = []
            for place in try cursor.array() { tokens.append(Int32(try place.int(in: 0...Int(Int32.max)))) }
            guard !tokens.isEmpty else { throw cursor.invalid("expected at least one token id") }
            return .init(prompt: .tokens(tokens), routed: .tokens(tokens))
        case nil, .null:
            throw JSONError(.missing, "missing; expected a string, token ids, or an array of either", path: cursor.path)
        default:
            throw cursor.invalid("expected a string, token ids, or an array of either, found \(cursor.value?.kindName ?? "nothing")")
        }
    }
}
