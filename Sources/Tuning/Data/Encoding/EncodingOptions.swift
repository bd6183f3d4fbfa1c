/// How rows become tokens and targets.
public struct EncodingOptions: Sendable, Equatable {
    /// Which tokens the loss counts in supervised tuning. Preferences and labels always count the answer alone.
    public enum Targets: String, Sendable, CaseIterable {
        /// Every answer that is trained, and the token that ends it.
        case answers
        /// All tokens, but for answers of weight 0.
        case all
    }

    public var targets = Targets.answers
    /// Tokens of one sequence. What is longer loses its end.
    public var maximumTokens = 1024
    /// Prompts and answers that are plain strings become a user's and an assistant's turn where the base has a chat template, as clients
    /// of a chat service send them. When false they stay plain text, as in TRL.
    public var wrapsText = true
    /// Put before conversations that have no system message.
    public var systemMessage: String?

    public init() {}
}
