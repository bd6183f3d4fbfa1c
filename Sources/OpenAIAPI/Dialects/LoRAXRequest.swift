import Generation
import JSON

/// LoRAX's `/`, `/generate` and `/generate_stream`: `inputs` and `parameters`.
///
/// As there, the prompt is taken as it is (`apply_chat_template` renders it as a user's turn) and decoding is greedy
/// unless the request has a sampling parameter. Unlike in LoRAX, a request without `adapter_id` is routed; `base` names the base.
struct LoRAXRequest: Sendable {
    var job: GenerationJob
    var shape: LoRAXShape

    private static let parameters: Set<String> = [
        "adapter_id", "adapter_source", "merged_adapters", "memory", "scale", "api_token", "best_of", "temperature", "repetition_penalty",
        "frequency_penalty", "presence_penalty", "top_k", "top_p", "typical_p", "do_sample", "max_new_tokens",
        "ignore_eos_token", "return_full_text", "stop", "truncate", "watermark", "details", "decoder_input_details",
        "return_k_alternatives", "apply_chat_template", "seed", "response_format",
    ]

    init(
        _ cursor: JSONCursor, isStream fixed: Bool?, names: ModelNames, fields: FieldPolicy, limits: APILimits
    ) throws(APIError) {
        do {
            try fields.check(cursor, ["inputs", "parameters", "stream", "route", FieldNames.report])
            let inputs = try cursor["inputs"].string()
            let asked = try cursor["stream"].optionalBool() ?? false
            let isStream = fixed ?? asked
            let given = cursor["parameters"]
            let parameters = given.exists ? given : JSONCursor([:], path: "parameters")
            try fields.check(parameters, Self.parameters)
            try Self.refuseUnsupported(parameters)
            let wantsDetails = try parameters["details"].optionalBool() ?? false
            let alternatives = try parameters["return_k_alternatives"].optionalInt(in: 0...limits.topLogprobs) ?? 0
            let isChat = try parameters["apply_chat_template"].optionalBool() ?? false
            let wantsPrompt = try parameters["decoder_input_details"].optionalBool() ?? false
            if wantsPrompt, isStream {
                throw parameters["decoder_input_details"].invalid("not available in a stream")
            }
            let turn = [ChatMessage(role: "user", content: inputs)]
            let isFull = try parameters["return_full_text"].optionalBool() ?? false
            let sampling = try Self.sampling(parameters)
            let candidates = try Self.candidates(parameters, sampling, isStream: isStream, limits: limits)
            job = GenerationJob(
                prompts: [
                    .init(
                        prompt: isChat
                            ? .chat(turn, tools: []) : .text(inputs, addSpecialTokens: true, parseSpecial: true),
                        routed: .text(inputs), echo: isFull ? inputs : "")
                ],
                choices: candidates, selection: try ModelSelection.read(parameters, names: names),
                memories: try MemorySelection(parameters["memory"], names: names, fields: fields), scale: try ModelSelection.scale(parameters),
                route: try RouteOptions(cursor["route"], fields: fields, limits: limits), sampling: sampling,
                maxTokens: try parameters["max_new_tokens"].optionalInt(in: 1...Int(Int32.max)),
                stop: try SamplingFields.stop(parameters["stop"], limits: limits),
                topLogprobs: wantsDetails || isStream || candidates > 1 ? alternatives : nil,
                ignoresEndOfSequence: try parameters["ignore_eos_token"].optionalBool() ?? false, isStream: isStream,
                includesUsage: false)
            if let kept = try parameters["truncate"].optionalInt(in: 1...Int(Int32.max)) {
                job.tokens.truncation = PromptTruncation(tokens: kept)
            }
            if wantsPrompt, wantsDetails {
                job.tokens.promptLogprobs = 0
                job.omitsEndToken = true
            }
            job.separatesReasoning = false
            job.format = try AnswerFormat.read(parameters)
            shape = LoRAXShape(hasDetails: wantsDetails, hasAlternatives: alternatives > 0, isListed: fixed == nil)
        } catch {
            throw APIError(reaching: error)
        }
    }

    private static func sampling(_ cursor: JSONCursor) throws(JSONError) -> SamplingParameters {
        var sampling = SamplingParameters()
        let temperature = try cursor["temperature"].optionalDouble(in: 0...100)
        let topK = try cursor["top_k"].optionalInt(in: 1...(1 << 30))
        let topP = try cursor["top_p"].optionalDouble(in: 0...1)
        let samples = try cursor["do_sample"].optionalBool() ?? false
        let typicalP = cursor["typical_p"]
        sampling.typicalP = try SamplingFields.typicalP(typicalP)
        // Temperature 0 is greedy, whatever else is there.
        let isSampling = samples || temperature != nil || topK != nil || topP != nil || typicalP.exists
        sampling.temperature = isSampling ? Float(temperature ?? 1) : 0
        sampling.topK = topK ?? 0
        sampling.topP = topP.map(Float.init) ?? 1
        sampling.repetitionPenalty =
            try cursor["repetition_penalty"].optionalDouble(in: 0.01...10).map(Float.init) ?? 1
        sampling.frequencyPenalty = try cursor["frequency_penalty"].optionalDouble(in: -2...2).map(Float.init) ?? 0
        sampling.presencePenalty = try cursor["presence_penalty"].optionalDouble(in: -2...2).map(Float.init) ?? 0
        sampling.seed = try cursor["seed"].optionalInt(in: 0...Int.max).map { UInt64($0) }
        return sampling
    }

    /// `best_of`: answers that are drawn, of which the most probable one is sent. As in LoRAX, they must be able to differ.
    private static func candidates(
        _ cursor: JSONCursor, _ sampling: SamplingParameters, isStream: Bool, limits: APILimits
    ) throws(JSONError) -> Int {
        let place = cursor["best_of"]
        guard let count = try place.optionalInt(in: 1...limits.choices), count > 1 else { return 1 }
        if isStream { throw place.invalid("expected 1 in a stream, which begins before it is known which candidate is the best") }
        if sampling.temperature == 0 { throw place.invalid("expected 1 without sampling: all candidates would be the same; send `do_sample`") }
        if sampling.seed != nil { throw cursor["seed"].invalid("not available when `best_of` is above 1") }
        return count
    }

    /// Refuses what LoRAX has and this server has not.
    private static func refuseUnsupported(_ cursor: JSONCursor) throws(JSONError) {
        for field in ["watermark"] where try cursor[field].optionalBool() == true {
            throw cursor[field].invalid("not supported")
        }
        if let source = try cursor["adapter_source"].optionalName(), source != "local" {
            throw cursor["adapter_source"].invalid("`\(source)` is not supported: adapters come from the server's folder (`local`)")
        }
    }
}
