import Adapters
import Generation

/// Prepares a prompt for the engine: checks its request, pins its adapter, renders and tokenizes it. Workers; thread-safe.
struct RequestPreparer: Sendable {
    let base: BaseModel
    let store: AdapterStore?
    let limits: InferenceLimits
    let contextLength: Int
    /// For adapters that retrieve their effect by a request's text.
    let encoder: EncoderSource
    let constraints: ConstraintSource
    let prompts: PromptBuilder

    /// - Parameter request: of any of the prompt's sequences.
    func prepare(_ request: GenerationRequest) throws(GenerationError) -> PreparedPrompt {
        try checkStops(request.stop)
        try checkBias(request.sampling.logitBias)
        let loadStart = ContinuousClock.now
        let adapter = try pin(request)
        let loadMilliseconds = (ContinuousClock.now - loadStart) / .milliseconds(1)
        let tokens = try prompts.tokens(of: request.prompt, adapter: adapter)
        try checkLength(request, promptTokens: tokens.count)
        return PreparedPrompt(
            tokens: tokens, adapter: adapter, effect: try effect(of: adapter, on: request, promptTokens: tokens.count),
            ends: request.ignoreEndOfSequence
                ? [] : adapter?.prompting.tokens.ends(base.tokenizer) ?? base.tokenizer.endOfSequence,
            loadMilliseconds: loadMilliseconds)
    }

    /// The constraint of one sequence, which follows that sequence's tokens.
    func constraint(of request: GenerationRequest) throws(GenerationError) -> (any TokenConstraint)? {
        try constraints(request, base.tokenizer)
    }

    /// The adapter's effect on this prompt.
    private func effect(
        of adapter: PinnedAdapter?, on request: GenerationRequest, promptTokens: Int
    ) throws(GenerationError) -> RequestEffect {
        let partition = request.cachePartition
        guard let adapter else { return .base(partition: partition) }
        guard let retrieval = adapter.retrieval else { return .whole(adapter, partition: partition) }
        let vector: [Float]
        do {
            guard let embedder = try encoder(), embedder.dimension == retrieval.dimension else {
                let found = try encoder().map { "\($0.name) makes vectors of \($0.dimension)" } ?? "there is none"
                throw GenerationError(
                    .adapterRejected, "adapter \(adapter.name) needs an encoder of \(retrieval.dimension) dimensions; \(found)")
            }
            vector = try embedder.embed([prompts.question(of: request.prompt)]).vectors
        } catch let error as GenerationError {
            throw error
        } catch {
            throw GenerationError(.internalFailure, "the encoder failed: \(error)")
        }
        let retrieved: RetrievedDelta?
        do {
            retrieved = try retrieval.retrieve(vector)
        } catch {
            throw GenerationError(.adapterRejected, "\(error)")
        }
        guard let found = retrieved else { return .base(partition: partition) }
        return .retrieved(found.delta, promptTokens: promptTokens, partition: partition)
    }

    private func checkLength(_ request: GenerationRequest, promptTokens: Int) throws(GenerationError) {
        let answer = request.maxTokens ?? 0
        guard promptTokens >= contextLength || answer > contextLength - promptTokens else { return }
        let part = if case .chat = request.prompt { "messages" } else { "prompt" }
        let limit = "This model's maximum context length is \(contextLength) tokens."
        guard promptTokens < contextLength, answer > 0 else {
            throw GenerationError(
                .contextLengthExceeded,
                "\(limit) However, you requested \(promptTokens) tokens in the \(part). Please reduce the length of the \(part).")
        }
        throw GenerationError(
            .contextLengthExceeded,
            "\(limit) However, you requested \(promptTokens + answer) tokens (\(promptTokens) in the \(part), \(answer) in the "
                + "completion). Please reduce the length of the \(part) or completion.")
    }

    private func checkBias(_ bias: [Int32: Float]) throws(GenerationError) {
        let vocabulary = Int32(base.decoder.configuration.vocabulary)
        guard let wrong = bias.keys.filter({ $0 < 0 || $0 >= vocabulary }).min() else { return }
        throw GenerationError(
            .invalidRequest,
            "token id \(wrong) of logit_bias is not in the vocabulary; ids go from 0 to \(vocabulary - 1)")
    }

    private func checkStops(_ stops: [String]) throws(GenerationError) {
        guard stops.count <= limits.stopStrings, stops.allSatisfy({ $0.utf8.count <= limits.stopStringBytes }) else {
            throw GenerationError(
                .invalidRequest,
                "at most \(limits.stopStrings) stop strings of \(limits.stopStringBytes) bytes each are taken")
        }
    }

    private func pin(_ request: GenerationRequest) throws(GenerationError) -> PinnedAdapter? {
        if request.merge == nil, request.adapter == nil { return nil }
        guard let store else {
            throw GenerationError(.adapterNotFound, "there is no adapter `\(request.merge?.label ?? request.adapter ?? "")`")
        }
        let adapter: PinnedAdapter
        do throws(AdapterError) {
            if let merge = request.merge {
                adapter = try store.acquire(merge)
            } else {
                guard let name = request.adapter else { return nil }
                adapter = try store.acquire(name)
            }
        } catch {
            switch error.code {
            case .notFound: throw GenerationError(.adapterNotFound, "there is no adapter `\(error.adapter ?? "")`")
            // The adapters are as good as before: they cannot be merged.
            case .unsupported where request.merge != nil, .nonFinite where request.merge != nil:
                throw GenerationError(.invalidRequest, "\(error)")
            // The system is short of something, or the adapters folder is away: the adapter may be fine.
            case .unavailable: throw GenerationError(.overloaded, "\(error)", retryAfterSeconds: limits.retryAfterSeconds)
            default: throw GenerationError(.adapterRejected, "\(error)")
            }
        }
        do throws(AdapterError) {
            return try adapter.scaled(by: request.scale)
        } catch {
            throw GenerationError(.adapterUnsuitable, "\(error)")
        }
    }
}
