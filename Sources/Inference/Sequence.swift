import Adapters
import Generation

/// A prompt that is ready for the engine: tokenized, its adapter loaded and pinned.
struct PreparedRequest: Sendable {
    var request: GenerationRequest
    var stream: GenerationStream
    var tokens: [Int32]
    /// nil is the base alone.
    var adapter: PinnedAdapter?
    var submitted: ContinuousClock.Instant
    var loadMilliseconds: Double
}

/// One running generation. Confined to the engine thread.
final class Sequence {
    let id: Int
    let request: GenerationRequest
    let stream: GenerationStream
    let adapter: PinnedAdapter?
    let promptCount: Int
    /// Prompt, then what was generated.
    private(set) var tokens: [Int32]
    /// Positions whose keys and values lie in the blocks.
    var computed = 0
    /// Empty while it waits.
    var table = BlockTable(node: 0)
    var sampler: Sampler
    var emitter: TextEmitter
    var timings = GenerationTimings()
    var cachedTokens = 0
    var hasStarted = false
    let submitted: ContinuousClock.Instant
    var admitted: ContinuousClock.Instant
    var firstToken: ContinuousClock.Instant?
    /// Most tokens of prompt and answer together.
    let tokenLimit: Int

    init(
        id: Int, prepared: PreparedRequest, sampler: Sampler, emitter: TextEmitter, tokenLimit: Int
    ) {
        self.id = id
        request = prepared.request
        stream = prepared.stream
        adapter = prepared.adapter
        tokens = prepared.tokens
        promptCount = prepared.tokens.count
        self.sampler = sampler
        self.emitter = emitter
        self.tokenLimit = tokenLimit
        submitted = prepared.submitted
        admitted = prepared.submitted
        timings.loadMilliseconds = prepared.loadMilliseconds
    }

    var completionCount: Int { tokens.count - promptCount }
    var pendingTokens: Int { tokens.count - computed }

    func append(_ token: Int32) { tokens.append(token) }

    var state: SequenceState {
        SequenceState(
            id: id, pendingTokens: pendingTokens, isPrefilling: firstToken == nil, isSaturated: stream.isSaturated)
    }

    var usage: GenerationUsage {
        GenerationUsage(promptTokens: promptCount, cachedTokens: cachedTokens, completionTokens: completionCount)
    }
}
