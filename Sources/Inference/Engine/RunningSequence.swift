import Adapters
import Generation

/// One running generation. Confined to the engine thread, except `sample`.
final class RunningSequence {
    let request: GenerationRequest
    let stream: GenerationStream
    let adapter: PinnedAdapter?
    let effect: RequestEffect
    let ticket: QueueTicket
    let promptCount: Int
    /// Prompt, then what was generated.
    private(set) var tokens: [Int32]
    /// Positions whose keys and values lie in the blocks.
    var computed = 0
    /// Empty while it waits.
    var table = BlockTable(node: 0)
    private var sampler: Sampler
    var emitter: TextEmitter
    var timings = GenerationTimings()
    var cachedTokens = 0
    var hasStarted = false
    let submitted: ContinuousClock.Instant
    var admitted: ContinuousClock.Instant
    var firstToken: ContinuousClock.Instant?
    /// Most tokens of prompt and answer together.
    let tokenLimit: Int

    // MARK: Of the step in progress

    /// It takes part in steps now: it neither waits nor has ended.
    var isActive = false
    var isEnded = false
    /// Pending tokens that the step computes.
    var planned = 0
    /// What probably comes, and what of it the step verifies.
    var lookup: PromptLookup?
    private(set) var draft: [Int32] = []
    /// The tokens that the step gave.
    private(set) var sampled: [SampledToken] = []

    /// How good its lookups were.
    var record = SpeculationRecord()

    init(prepared: PreparedRequest, seed: UInt64, emitter: TextEmitter, tokenLimit: Int) {
        request = prepared.request
        stream = prepared.stream
        adapter = prepared.adapter
        effect = prepared.effect
        ticket = prepared.ticket
        tokens = prepared.tokens
        promptCount = prepared.tokens.count
        sampler = Sampler(
            prepared.request.sampling, topLogprobs: prepared.request.topLogprobs, prompt: prepared.tokens, seed: seed)
        self.emitter = emitter
        self.tokenLimit = tokenLimit
        submitted = prepared.submitted
        admitted = prepared.submitted
        timings.loadMilliseconds = prepared.loadMilliseconds
        tokens.reserveCapacity(tokenLimit + 1)
        draft.reserveCapacity(Speculation.longest)
        sampled.reserveCapacity(Speculation.longest + 1)
    }

    var completionCount: Int { tokens.count - promptCount }
    var pendingTokens: Int { tokens.count - computed }
    /// The step computes all that is pending, so that it gives a token.
    var wantsToken: Bool { planned == pendingTokens }

    func append(_ token: Int32) { tokens.append(token) }

    /// Proposes `count` tokens of the lookup, up to the first that ends the answer: what would follow it is not wanted.
    func draft(_ count: Int, ends: Set<Int32>) {
        guard let lookup else { return }
        for offset in 0..<count {
            let token = lookup.token(offset, in: tokens)
            if ends.contains(token) { return }
            draft.append(token)
        }
    }

    func dropDraft() { draft.removeAll(keepingCapacity: true) }

    /// Draws a token from each row of logits until one is not the proposed one: the rows after that answer to a text that
    /// is not the sequence's. On one of the pool's threads, while the engine's waits.
    ///
    /// - Parameter logits: `[1 + draft.count, vocabulary]`, `stride` elements from row to row
    func sample(_ logits: UnsafeMutablePointer<Float>, stride: Int, vocabulary: Int, scratch: SamplerScratch) {
        sampled.removeAll(keepingCapacity: true)
        for row in 0...draft.count {
            let choice = sampler.sample(
                UnsafeMutableBufferPointer(start: logits + row * stride, count: vocabulary), scratch: scratch)
            sampled.append(choice)
            guard row < draft.count, choice.token == draft[row] else { return }
        }
    }

    /// Scores the lookup by the tokens that came.
    func noteLookup() {
        guard let lookup, let first = sampled.first else { return }
        if draft.isEmpty {
            let isRight = lookup.token(0, in: tokens) == first.token
            record.note(matched: lookup.length, right: isRight ? 1 : 0, tested: 1)
        } else {
            let right = sampled.count - 1
            record.note(matched: lookup.length, right: right, tested: min(right + 1, draft.count))
        }
    }

    var usage: GenerationUsage {
        GenerationUsage(promptTokens: promptCount, cachedTokens: cachedTokens, completionTokens: completionCount)
    }
}
