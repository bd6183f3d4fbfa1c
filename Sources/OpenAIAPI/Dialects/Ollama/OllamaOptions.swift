import Generation
import JSON

/// `options` of Ollama's requests, with Ollama's defaults; only its repetition penalty is off unless a request sets it.
///
/// Options about how a model is loaded or computed are ignored, and so are `num_ctx` and `repeat_last_n`: the context is the server's, and
/// the repetition penalty counts the whole text.
struct OllamaOptions: Sendable {
    var sampling = SamplingParameters()
    /// nil: as many as fit.
    var maxTokens: Int?
    var stop: [String]

    private static let known: Set<String> = [
        "num_predict", "seed", "temperature", "top_k", "top_p", "min_p", "typical_p", "repeat_penalty", "presence_penalty",
        "frequency_penalty", "stop", "num_ctx", "repeat_last_n", "num_keep", "tfs_z", "mirostat", "mirostat_tau", "mirostat_eta",
        "penalize_newline", "numa", "num_batch", "num_gpu", "main_gpu", "low_vram", "f16_kv", "logits_all", "vocab_only", "use_mmap",
        "use_mlock", "num_thread", "embedding_only", "rope_frequency_base", "rope_frequency_scale", "num_gqa",
    ]

    init(_ given: JSONCursor, _ reader: RequestReader) throws {
        let cursor = given.exists ? given : JSONCursor([:], path: "options")
        try reader.fields.check(cursor, Self.known)
        sampling.temperature = try cursor["temperature"].optionalDouble(in: 0...100).map(Float.init) ?? 0.8
        // As in Ollama, 0 and less keep all.
        sampling.topK = max(try cursor["top_k"].optionalInt() ?? 40, 0)
        sampling.topP = try cursor["top_p"].optionalDouble(in: 0...1).map(Float.init) ?? 0.9
        sampling.minP = try cursor["min_p"].optionalDouble(in: 0...1).map(Float.init) ?? 0
        sampling.typicalP = try cursor["typical_p"].optionalDouble(in: 0.001...1).map(Float.init) ?? 1
        sampling.presencePenalty = try cursor["presence_penalty"].optionalDouble(in: -2...2).map(Float.init) ?? 0
        sampling.frequencyPenalty = try cursor["frequency_penalty"].optionalDouble(in: -2...2).map(Float.init) ?? 0
        let penalty = try cursor["repeat_penalty"].optionalDouble(in: 0.01...10).map(Float.init) ?? 1
        sampling.repetitionPenalty = try cursor["repeat_last_n"].optionalInt() == 0 ? 1 : penalty
        sampling.seed = try cursor["seed"].optionalInt().flatMap { $0 < 0 ? nil : UInt64($0) }
        if let mirostat = try cursor["mirostat"].optionalInt(), mirostat != 0 {
            throw cursor["mirostat"].invalid("not supported; expected 0")
        }
        maxTokens = try cursor["num_predict"].optionalInt(in: Int(Int32.min)...Int(Int32.max)).flatMap { $0 > 0 ? $0 : nil }
        stop = try SamplingFields.stop(cursor["stop"], limits: reader.limits)
    }
}
