/// One sequence to generate. `n` choices are `n` requests.
public struct GenerationRequest: Sendable {
    public enum Prompt: Sendable {
        /// Rendered with the adapter's or the base's chat template.
        case chat([ChatMessage], tools: [ToolFunction])
        /// Text as it is; `addSpecialTokens` lets the tokenizer add its own, `parseSpecial` recognises written ones.
        case text(String, addSpecialTokens: Bool, parseSpecial: Bool)
        case tokens([Int32])
    }

    /// For logs; unique within the process.
    public var id: String
    public var prompt: Prompt
    /// The adapter's name; nil is the base model alone.
    public var adapter: String?
    /// Several adapters as one; when it is set, `adapter` is ignored.
    public var merge: AdapterMerge?
    /// Memories that are asked whether one of their facts is meant, beside whatever answers. The surest of them acts.
    public var memories: [String] = []
    /// How strongly the adapter acts: 1 as it was trained, 0 not at all.
    public var scale: Double
    public var sampling: SamplingParameters
    /// Upper bound of generated tokens; nil means up to the context's end.
    public var maxTokens: Int?
    /// Generation ends before the first of these strings; the string itself is not emitted.
    public var stop: [String]
    /// Log-probabilities of each generated token with this many alternatives (0...20); nil is none.
    public var topLogprobs: Int?
    /// Go on after the end-of-sequence token (for load tests).
    public var ignoreEndOfSequence: Bool
    /// Which functions of the prompt the answer calls.
    public var toolChoice = ToolChoice()
    /// nil: free text.
    public var format: AnswerFormat?
    /// How a chat prompt is rendered.
    public var rendering = PromptRendering()
    /// Tokens that end the answer beside the model's own; they are not part of its text.
    public var stopTokens: Set<Int32> = []
    /// The stop string or stop token that ends the answer is part of its text.
    public var includesStop = false
    /// No end of the answer is drawn, and no stop string ends it, before this many tokens, unless its form allows nothing but the end.
    public var minTokens = 0
    /// Special tokens are not part of the answer's text.
    public var skipsSpecialTokens = true
    /// Words that the answer does not contain, alone or behind a space; of a word of several tokens the last one is never drawn.
    public var bannedWords: [String] = []
    /// The only tokens that may be drawn; nil allows all.
    public var allowedTokens: Set<Int32>?
    /// The token that ends the answer has a log-probability like the others, without text.
    public var reportsEndToken = false
    /// What becomes of a prompt that is too long; nil: it is refused.
    public var truncation: PromptTruncation?
    /// The prompt's tokens come as `GenerationEvent.prompt`.
    public var reportsPrompt = false
    /// The same, with log-probabilities of the prompt's tokens and this many alternatives; nil is none. Then no cached prefix is used.
    public var promptLogprobs: Int?
    /// Requests share cached prefixes only within a partition, an API key's for example; nil is the common one.
    public var cachePartition: String? = nil

    public init(
        id: String, prompt: Prompt, adapter: String? = nil, merge: AdapterMerge? = nil, scale: Double = 1,
        sampling: SamplingParameters = .init(), maxTokens: Int? = nil, stop: [String] = [], topLogprobs: Int? = nil,
        ignoreEndOfSequence: Bool = false
    ) {
        self.id = id
        self.prompt = prompt
        self.adapter = adapter
        self.merge = merge
        self.scale = scale
        self.sampling = sampling
        self.maxTokens = maxTokens
        self.stop = stop
        self.topLogprobs = topLogprobs
        self.ignoreEndOfSequence = ignoreEndOfSequence
    }
}
