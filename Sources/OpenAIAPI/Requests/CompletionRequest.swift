import Generation
import JSON

/// `POST /v1/completions`.
///
/// `prompt` is a text, token ids, or an array of either; each prompt is routed by itself. `echo` puts the prompt before its completion,
/// with log-probabilities where `logprobs` asks for some, and `max_tokens: 0` generates nothing: so a text is scored. `best_of` must
/// equal `n`; `suffix` is refused.
enum CompletionRequest {
    static func read(
        _ cursor: JSONCursor, names: ModelNames, fields: FieldPolicy, limits: APILimits, vocabulary: Int? = nil
    ) throws(APIError) -> GenerationJob {
        do {
            try fields.check(cursor, FieldNames.completion)
            let shared = try SamplingFields(cursor, fields: fields, limits: limits)
            let top = try cursor["logprobs"].optionalInt(in: 0...limits.topLogprobs)
            let echoes = try cursor["echo"].optionalBool() ?? false
            if let bestOf = try cursor["best_of"].optionalInt(in: 1...limits.choices), bestOf != shared.choices {
                throw cursor["best_of"].invalid("expected \(shared.choices), as `n` is: candidates are not ranked here")
            }
            if let suffix = try cursor["suffix"].optionalString(), !suffix.isEmpty {
                throw cursor["suffix"].invalid("not supported: this model only continues a text")
            }
            let maxTokens = try cursor["max_tokens"].optionalInt(in: 0...Int(Int32.max)) ?? defaultMaxTokens
            let tokens = try TokenOptions(cursor, maxTokens: maxTokens, isStream: shared.isStream, limits: limits)
            // What is left of a prompt that may be cut is known later.
            let echoesText = echoes && tokens.truncation == nil
            let prompts = try prompts(
                cursor["prompt"], echoes: echoesText, addSpecialTokens: try cursor["add_special_tokens"].optionalBool() ?? true,
                vocabulary: vocabulary)
            guard prompts.count * shared.choices <= limits.sequences else {
                throw cursor["prompt"].invalid(
                    "\(prompts.count) prompts with n = \(shared.choices); at most \(limits.sequences) sequences are taken")
            }
            var job = GenerationJob(
                prompts: prompts, choices: shared.choices, selection: try ModelSelection.read(cursor, names: names),
                memories: try MemorySelection(cursor["memory"], names: names, fields: fields), scale: try ModelSelection.scale(cursor),
                route: try RouteOptions(cursor["route"], fields: fields, limits: limits), sampling: shared.sampling,
                maxTokens: maxTokens, stop: shared.stop, topLogprobs: top, ignoresEndOfSequence: shared.ignoresEndOfSequence,
                isStream: shared.isStream, user: shared.user, includesUsage: shared.includesUsage,
                hasContinuousUsage: shared.hasContinuousUsage)
            job.tokens = tokens
            job.alias = try names.alias(cursor["model"])
            job.echoesPrompt = echoes
            job.format = try AnswerFormat.read(cursor)
            return job
        } catch let error as APIError {
            throw error
        } catch {
            throw APIError(reaching: error)
        }
    }

    /// OpenAI's default.
    private static let defaultMaxTokens = 16

    private static func prompts(
        _ cursor: JSONCursor, echoes: Bool, addSpecialTokens: Bool, vocabulary: Int?
    ) throws(JSONError) -> [GenerationJob.Prompt] {
        func prompt(_ cursor: JSONCursor) throws(JSONError) -> GenerationJob.Prompt {
            try self.prompt(cursor, echoes: echoes, addSpecialTokens: addSpecialTokens, vocabulary: vocabulary)
        }
        if case .array(let elements) = cursor.value {
            guard let first = elements.first else { throw cursor.invalid("expected at least one prompt") }
            if first.intValue != nil { return [try prompt(cursor)] }
            var prompts: [GenerationJob.Prompt] = []
            for place in try cursor.array() { prompts.append(try prompt(place)) }
            return prompts
        }
        return [try prompt(cursor)]
    }

    private static func prompt(
        _ cursor: JSONCursor, echoes: Bool, addSpecialTokens: Bool, vocabulary: Int?
    ) throws(JSONError) -> GenerationJob.Prompt {
        switch cursor.value {
        case .string(let text):
            return .init(
                prompt: .text(text, addSpecialTokens: addSpecialTokens, parseSpecial: true), routed: .text(text),
                echo: echoes ? text : "", field: cursor.path)
        case .array:
            var tokens: [Int32] = []
            for place in try cursor.array() {
                let token = try place.int(in: 0...Int(Int32.max))
                if let vocabulary, token >= vocabulary {
                    throw cursor.invalid("token id \(token) is not in the vocabulary; ids go from 0 to \(vocabulary - 1)")
                }
                tokens.append(Int32(token))
            }
            guard !tokens.isEmpty else { throw cursor.invalid("expected at least one token id") }
            return .init(prompt: .tokens(tokens), routed: .tokens(tokens), field: cursor.path)
        case nil, .null:
            throw JSONError(.missing, "missing; expected a string, token ids, or an array of either", path: cursor.path)
        default:
            throw cursor.invalid("expected a string, token ids, or an array of either, found \(cursor.value?.kindName ?? "nothing")")
        }
    }
}
