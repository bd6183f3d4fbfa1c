import Adapters
import Generation
import Models
import Tokenizers

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
        try RequestCheck(limits: limits, vocabulary: base.decoder.configuration.vocabulary).check(request)
        let loadStart = ContinuousClock.now
        let adapter = try pin(request)
        let loadMilliseconds = (ContinuousClock.now - loadStart) / .milliseconds(1)
        let built = try built(request, adapter: adapter)
        let tokens = built.tokens.truncated(request, contextLength: contextLength)
        try checkLength(request, promptTokens: tokens.count)
        var effect =
            adapter.map { RequestEffect.of($0, prompt: tokens, partition: request.cachePartition) } ?? .base(partition: request.cachePartition)
        if adapter?.retrieval != nil { effect = .base(partition: request.cachePartition) }
        let (found, asked) = try recall(request, adapter)
        if let found, effect.start > 0 {
            throw GenerationError(
                .invalidRequest,
                "the memory \(found.recall.memory) cannot answer beside an activated LoRA, which begins at token \(effect.start) of the prompt")
        }
        if let found { effect = effect.retrieving(try found.delta(beside: effect.delta), promptTokens: tokens.count) }
        let tokenizer = built.tokenizer
        let own = adapter?.prompting.tokens.ends(tokenizer) ?? tokenizer.endOfSequence
        let ends = (request.ignoreEndOfSequence ? [] : own.union(built.reading?.ends(tokenizer) ?? [])).union(request.stopTokens)
        return PreparedPrompt(
            tokens: tokens, adapter: adapter, effect: effect, tokenizer: tokenizer, recall: found?.recall, asked: asked, reading: built.reading,
            toolPrompt: built.toolPrompt, ends: ends,
            rules: TokenRules(
                allowed: request.allowedTokens, words: request.bannedWords.flatMap { spellings($0, tokenizer) }, ends: ends, minTokens: request.minTokens),
            loadMilliseconds: loadMilliseconds)
    }

    /// The prompt alone, as `prepare` reads it.
    func report(_ request: GenerationRequest) throws(GenerationError) -> PromptReport {
        let built = try prompts.build(request, adapter: try pin(request))
        let tokens = built.tokens.truncated(request, contextLength: contextLength)
        var report = PromptReport(tokens: tokens, bytes: tokens.map(built.tokenizer.bytes))
        report.rendered = built.text
        return report
    }

    /// A word at the beginning of a text, and behind a space.
    private func spellings(_ word: String, _ tokenizer: any Tokenizer) -> [[Int32]] {
        let bare = String(word.drop { $0 == " " })
        return [bare, " " + bare].map { tokenizer.encode(continuing: $0, parseSpecial: false) }
    }

    /// The constraint of one sequence, which follows that sequence's tokens.
    func constraint(of request: GenerationRequest, _ prompt: PreparedPrompt) throws(GenerationError) -> (any TokenConstraint)? {
        try constraints(request, ConstraintContext(tokenizer: base.tokenizer, ends: prompt.ends, reading: prompt.reading))
    }

    /// The prompt, with the schema of the answer unless the messages show it.
    private func built(_ request: GenerationRequest, adapter: PinnedAdapter?) throws(GenerationError) -> BuiltPrompt {
        guard let instruction = FormatInstruction(request, mostBytes: contextLength) else {
            return try prompts.build(request, adapter: adapter)
        }
        var instructed = request
        instructed.prompt = instruction.inSystemMessage
        do throws(GenerationError) {
            return try prompts.build(instructed, adapter: adapter)
        } catch {
            // Some templates have no place for a system message.
            guard instruction.addsSystemMessage, error.code != .contextLengthExceeded else { throw error }
            instructed.prompt = instruction.inUserMessage
            return try prompts.build(instructed, adapter: adapter)
        }
    }

    /// The surest fact that the prompt means, of the adapter's own memory and those that the request names; nil: none.
    private func recall(
        _ request: GenerationRequest, _ adapter: PinnedAdapter?
    ) throws(GenerationError) -> (found: RetrievedDelta?, asked: [AskedMemory]) {
        var memories: [PinnedAdapter] = []
        if let adapter, adapter.retrieval != nil { memories.append(adapter) }
        for name in request.memories where name != adapter?.name {
            let memory = try ofMemory { () throws(GenerationError) in try acquire(name) }
            guard memory.retrieval != nil else { throw GenerationError(.invalidRequest, "\(name) is an adapter without a memory of facts") }
            memories.append(memory)
        }
        if memories.isEmpty { return (nil, []) }
        let text = prompts.question(of: request.prompt)
        var (best, asked) = (RetrievedDelta?.none, [AskedMemory]())
        for memory in memories {
            guard let retrieval = memory.retrieval else { continue }
            let start = ContinuousClock.now
            let isAdapters = memory.name == adapter?.name
            let look = { () throws(GenerationError) in try retrieve(text, from: retrieval, of: memory.name) }
            let answer = isAdapters ? try look() : try ofMemory(look)
            asked.append(
                AskedMemory(memory: memory.name, isOpen: answer != nil, milliseconds: (ContinuousClock.now - start) / .milliseconds(1)))
            guard var found = answer else { continue }
            found.recall.memory = memory.name
            if let best, best.recall.excess >= found.recall.excess { continue }
            best = found
        }
        return (best, asked)
    }

    /// What fails concerns a memory beside the adapter, and not the adapter that answers.
    private func ofMemory<Value>(_ body: () throws(GenerationError) -> Value) throws(GenerationError) -> Value {
        do {
            return try body()
        } catch {
            var error = error
            switch error.code {
            case .adapterNotFound: error.code = .memoryNotFound
            case .adapterRejected: error.code = .memoryRejected
            default: break
            }
            throw error
        }
    }

    private func retrieve(
        _ text: String, from retrieval: any DeltaRetrieval, of name: String
    ) throws(GenerationError) -> RetrievedDelta? {
        let found: (any TextEmbedder)?
        do {
            found = try encoder()
        } catch {
            throw GenerationError(.internalFailure, "the encoder failed: \(error)")
        }
        guard let found, found.dimension == retrieval.dimension else {
            let other = found.map { "\($0.name) makes vectors of \($0.dimension)" } ?? "there is none"
            throw GenerationError(.adapterRejected, "adapter \(name) needs an encoder of \(retrieval.dimension) dimensions; \(other)")
        }
        do throws(AdapterError) {
            return try retrieval.retrieve(text, with: found)
        } catch {
            throw GenerationError(error.code == .unavailable ? .internalFailure : .adapterRejected, "\(error)")
        }
    }

    private func checkLength(_ request: GenerationRequest, promptTokens: Int) throws(GenerationError) {
        let answer = request.maxTokens ?? 0
        // A request that only scores its prompt may fill the context.
        if request.maxTokens == 0, promptTokens <= contextLength { return }
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

    private func pin(_ request: GenerationRequest) throws(GenerationError) -> PinnedAdapter? {
        let adapter: PinnedAdapter
        if let merge = request.merge {
            guard let store else { throw GenerationError(.adapterNotFound, "there is no adapter `\(merge.label)`") }
            do throws(AdapterError) {
                adapter = try store.acquire(merge)
            } catch {
                // The adapters are as good as before: they cannot be merged.
                if error.code == .unsupported || error.code == .nonFinite { throw GenerationError(.invalidRequest, "\(error)") }
                throw GenerationError(loading: merge.label, error, retryAfterSeconds: limits.retryAfterSeconds)
            }
        } else if let name = request.adapter {
            adapter = try acquire(name)
        } else {
            return nil
        }
        do throws(AdapterError) {
            return try adapter.scaled(by: request.scale)
        } catch {
            throw GenerationError(.adapterUnsuitable, "\(error)")
        }
    }

    private func acquire(_ name: String) throws(GenerationError) -> PinnedAdapter {
        guard let store else { throw GenerationError(.adapterNotFound, "there is no adapter `\(name)`") }
        do throws(AdapterError) {
            return try store.acquire(name)
        } catch {
            throw GenerationError(loading: name, error, retryAfterSeconds: limits.retryAfterSeconds)
        }
    }
}

extension GenerationError {
    /// An adapter that could not be loaded.
    init(loading name: String, _ error: AdapterError, retryAfterSeconds: Int) {
        let adapter = error.adapter ?? name
        switch error.code {
        case .notFound: self.init(.adapterNotFound, "there is no adapter `\(adapter)`")
        // The system is short of something, or the adapters folder is away: the adapter may be fine.
        case .unavailable:
            self.init(
                .overloaded, "adapter `\(adapter)` cannot be loaded at the moment; try again later", cause: error.description,
                retryAfterSeconds: retryAfterSeconds)
        case .io: self.init(.adapterRejected, "the files of adapter `\(adapter)` cannot be read", cause: error.description)
        default: self.init(.adapterRejected, error.description)
        }
    }
}

extension RetrievedDelta {
    /// As one delta with that of the adapter that answers.
    fileprivate func delta(beside adapter: AdapterDelta?) throws(GenerationError) -> AdapterDelta {
        guard let adapter else { return delta }
        do throws(ModelError) {
            return try adapter.adding(branchesOf: delta)
        } catch {
            throw GenerationError(.invalidRequest, "the memory \(recall.memory) cannot answer beside this adapter: \(error.message)")
        }
    }
}

extension MemoryRecall {
    /// Scores of different memories are compared by how far they are above their thresholds.
    fileprivate var excess: Double { score - threshold }
}
