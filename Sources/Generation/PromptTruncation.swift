/// How a long prompt is cut before it is read.
public struct PromptTruncation: Sendable, Equatable {
    /// Tokens that are kept; nil: as many as the context has room for beside the answer.
    public var tokens: Int?
    /// The end of the prompt is kept, otherwise its beginning.
    public var keepsEnd: Bool

    public init(tokens: Int?, keepsEnd: Bool = true) {
        self.tokens = tokens
        self.keepsEnd = keepsEnd
    }
}
