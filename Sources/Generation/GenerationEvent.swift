/// What happens to one request, in order: `routed` (from `Serving`, not from a backend), `started`, `prompt` where it was asked for, any
/// number of parts of the answer (`delta`, `reasoning`, `toolCall`), then `finished` or `failed`, once.
public enum GenerationEvent: Sendable {
    /// Which adapter answers, and why. It is sent again, before `started`, when the chosen adapter cannot answer.
    case routed(RouteDecision)
    /// The prompt was accepted, its adapter is loaded and pinned.
    case started(GenerationStart)
    /// More text. `text` is whole characters and may be empty when only log-probabilities moved on.
    case delta(text: String, logprobs: [TokenLogprob])
    /// More of what the model thinks before it answers, without the marks around it.
    case reasoning(text: String, logprobs: [TokenLogprob])
    /// More of a call.
    case toolCall(ToolCallPart, logprobs: [TokenLogprob])
    /// The prompt, where the request asks for it.
    case prompt(PromptReport)
    case finished(FinishReason, GenerationUsage, GenerationTimings)
    case failed(GenerationError)
}

public struct GenerationStart: Sendable {
    /// nil is the base.
    public var adapter: String?
    /// Content version of the adapter that answers; nil for the base.
    public var adapterVersion: String?
    public var promptTokens: Int
    /// How many of them came out of the prefix cache.
    public var cachedTokens: Int
    /// The fact that answers; nil: none was meant, or no memory was asked.
    public var recall: MemoryRecall?
    /// In the order in which they were asked.
    public var asked: [AskedMemory]
    /// nil: the request declares no functions.
    public var toolPrompt: ToolPrompt?
    /// What of the answer's form cannot be enforced, for people.
    public var formatNotes: [String] = []

    public init(
        adapter: String?, adapterVersion: String?, promptTokens: Int, cachedTokens: Int, recall: MemoryRecall? = nil, asked: [AskedMemory] = []
    ) {
        self.recall = recall
        self.asked = asked
        self.adapter = adapter
        self.adapterVersion = adapterVersion
        self.promptTokens = promptTokens
        self.cachedTokens = cachedTokens
    }
}

public enum FinishReason: String, Sendable {
    /// End-of-sequence token or a stop string.
    case stop
    /// `maxTokens` or the context's end.
    case length
    /// The answer calls functions that the model chose.
    case toolCalls = "tool_calls"
}

public struct GenerationUsage: Sendable, Equatable {
    public var promptTokens: Int
    public var cachedTokens: Int
    public var completionTokens: Int
    /// The stop string that ended the answer.
    public var stopString: String?
    /// The answer's form was completed in the shortest way, because the tokens ran out.
    public var isClosed: Bool

    public init(promptTokens: Int, cachedTokens: Int, completionTokens: Int, stopString: String? = nil, isClosed: Bool = false) {
        self.stopString = stopString
        self.isClosed = isClosed
        self.promptTokens = promptTokens
        self.cachedTokens = cachedTokens
        self.completionTokens = completionTokens
    }
}

/// Where the time of one request went, in milliseconds.
public struct GenerationTimings: Sendable, Equatable {
    public var queueMilliseconds: Double = 0
    public var loadMilliseconds: Double = 0
    public var prefillMilliseconds: Double = 0
    public var decodeMilliseconds: Double = 0

    public init() {}
}

/// A generated token and its most probable alternatives, natural logarithms after penalties, before temperature.
public struct TokenLogprob: Sendable {
    public struct Alternative: Sendable {
        public var token: Int32
        public var bytes: [UInt8]
        public var logprob: Float

        public init(token: Int32, bytes: [UInt8], logprob: Float) {
            self.token = token
            self.bytes = bytes
            self.logprob = logprob
        }
    }

    public var chosen: Alternative
    public var top: [Alternative]
    /// Of the chosen one among all tokens, from 1 on; nil where it was not counted: for tokens of an answer.
    public var rank: Int?

    public init(chosen: Alternative, top: [Alternative], rank: Int? = nil) {
        self.chosen = chosen
        self.top = top
        self.rank = rank
    }
}
