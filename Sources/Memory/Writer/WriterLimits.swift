/// Bounds of what is written.
public enum WriterLimits {
    /// Tokens of an answer with its end: as many experts.
    public static let answerTokens = 256
    /// Tokens of a question as the template renders it.
    public static let promptTokens = 2048
    /// Wordings of a fact that it is told with.
    public static let wordings = 16
}
