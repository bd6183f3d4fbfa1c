import Adapters
import Generation
import Tokenizers

/// The engine's names, state and tokenizer for its users.
extension Engine {
    private var health: BackendStatus.Health {
        if isDraining { return .draining }
        return base.decoder.isDamaged ? .unavailable("the model's file became shorter while it was in use") : .ready
    }

    public var status: BackendStatus {
        let now = statistics
        func figure(_ name: String, _ value: Int, _ help: String) -> BackendStatus.Figure { .init(name, Double(value), help: help) }
        return BackendStatus(
            health, queuedRequests: now.queuedRequests, activeSequences: now.activeSequences,
            figures: [
                figure("queued_requests", now.queuedRequests, "Accepted and not yet part of a step."),
                figure("active_sequences", now.activeSequences, "Sequences that take part in steps."),
                figure("finished_requests", now.finishedRequests, "Since the start."),
                figure("failed_requests", now.failedRequests, "Since the start."),
                figure("cancelled_requests", now.cancelledRequests, "Since the start."),
                figure("prompt_tokens", now.promptTokens, "Since the start."),
                figure("cached_tokens", now.cachedTokens, "Prompt tokens from the prefix cache, since the start."),
                figure("generated_tokens", now.generatedTokens, "Since the start."),
                figure("steps", now.steps, "Since the start."),
                figure("step_rows", now.stepRows, "Rows of all steps since the start."),
                .init("step_seconds", now.stepMilliseconds / 1000, help: "Time of all steps since the start."),
                .init("sampling_seconds", now.samplingMilliseconds / 1000, help: "Time to sample tokens, beside the steps."),
                figure("proposed_tokens", now.proposedTokens, "Draft tokens that steps verified."),
                figure("accepted_tokens", now.acceptedTokens, "Of the draft tokens, those that were right."),
                figure("preemptions", now.preemptions, "Sequences that gave way and were computed again."),
                figure("recomputed_tokens", now.recomputedTokens, "Tokens whose keys and values were computed again after that."),
                figure("kv_blocks", now.keyValueBlocks, "Blocks of keys and values."),
                figure("kv_blocks_in_use", now.keyValueBlocksInUse, "Blocks that running sequences hold."),
            ])
    }

    public var facts: BaseModelFacts? { base.facts }

    public func load(_ adapter: String) throws(GenerationError) {
        guard let store else { throw GenerationError(.adapterNotFound, "there is no adapter `\(adapter)`") }
        do throws(AdapterError) {
            _ = try store.preload(adapter)
        } catch {
            throw GenerationError(loading: adapter, error, retryAfterSeconds: limits.retryAfterSeconds)
        }
    }

    public func tokenize(_ text: String, addSpecialTokens: Bool, parseSpecial: Bool) async throws(GenerationError) -> [Int32] {
        guard text.utf8.count <= limits.promptBytes else {
            throw GenerationError(
                .contextLengthExceeded, "the text has \(text.utf8.count) bytes; at most \(limits.promptBytes) are read")
        }
        return base.tokenizer.encode(text, addSpecialTokens: addSpecialTokens, parseSpecial: parseSpecial)
    }

    public var tokenizer: TokenizerFacts? {
        TokenizerFacts(
            beginOfSequence: base.tokenizer.beginOfSequence.flatMap(base.tokenizer.piece(of:)),
            endOfSequence: base.endOfSequencePiece.isEmpty ? nil : base.endOfSequencePiece, padding: base.paddingPiece,
            chatTemplate: base.template?.source, toolTemplate: base.toolTemplate?.source, vocabularySize: base.tokenizer.vocabularySize)
    }

    public func prompt(of request: GenerationRequest) async throws(GenerationError) -> PromptReport {
        let result = await withCheckedContinuation { continuation in
            inspection.async { [preparer = preparation.preparer] in
                continuation.resume(returning: Result { () throws(GenerationError) in try preparer.report(request) })
            }
        }
        return try result.get()
    }

    public func detokenize(_ tokens: [Int32]) async throws(GenerationError) -> String {
        // Ids come from clients; those that the vocabulary does not have say nothing.
        base.tokenizer.decode(tokens.filter { $0 >= 0 && $0 < base.tokenizer.vocabularySize }, skipSpecialTokens: true)
    }
}
