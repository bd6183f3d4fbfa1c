import Adapters
import Generation
import Tokenizers

/// A prompt as the engine reads it: tokenized, its adapter loaded and pinned. All sequences of the prompt share it.
struct PreparedPrompt: Sendable {
    var tokens: [Int32]
    /// nil is the base alone.
    var adapter: PinnedAdapter?
    var effect: RequestEffect
    /// Of the prompt and its answers: the base's, or with the adapter's own tokens.
    var tokenizer: any Tokenizer
    /// The fact whose experts are part of the effect.
    var recall: MemoryRecall?
    /// Memories that were asked for it.
    var asked: [AskedMemory] = []
    /// How the answers are read; nil: they are text.
    var reading: AnswerReading?
    /// nil: the request declares no functions.
    var toolPrompt: ToolPrompt?
    /// Tokens that end the answer; none where the request goes on after them.
    var ends: Set<Int32>
    /// What the request forbids; nil: nothing.
    var rules: TokenRules?
    var loadMilliseconds: Double
}

/// A sequence that is ready for the engine.
struct PreparedRequest: Sendable {
    var request: GenerationRequest
    var stream: GenerationStream
    var prompt: PreparedPrompt
    /// Which tokens may come; nil allows all.
    var constraint: (any TokenConstraint)?
    /// Its place in the order in which requests are admitted.
    var ticket: QueueTicket
    var submitted: ContinuousClock.Instant
}
