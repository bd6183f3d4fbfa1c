import Adapters
import Generation

/// A prompt that is ready for the engine: tokenized, its adapter loaded and pinned.
struct PreparedRequest: Sendable {
    var request: GenerationRequest
    var stream: GenerationStream
    var tokens: [Int32]
    /// nil is the base alone.
    var adapter: PinnedAdapter?
    var effect: RequestEffect
    /// Tokens that end the answer; none where the request goes on after them.
    var ends: Set<Int32>
    /// Which tokens may come; nil allows all.
    var constraint: (any TokenConstraint)?
    /// Its place in the order in which requests are admitted.
    var ticket: QueueTicket
    var submitted: ContinuousClock.Instant
    var loadMilliseconds: Double
}
