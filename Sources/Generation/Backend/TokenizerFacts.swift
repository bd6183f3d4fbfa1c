/// What clients that tokenize and render by themselves ask of a backend.
public struct TokenizerFacts: Sendable, Equatable {
    /// Texts of special tokens, as templates write them; nil where there is none.
    public var beginOfSequence: String?
    public var endOfSequence: String?
    public var padding: String?
    /// Jinja; nil for a model that only completes text.
    public var chatTemplate: String?
    /// For conversations with tools, where the model has one of its own for them.
    public var toolTemplate: String?
    public var vocabularySize: Int

    public init(
        beginOfSequence: String?, endOfSequence: String?, padding: String?, chatTemplate: String?, toolTemplate: String? = nil,
        vocabularySize: Int
    ) {
        self.beginOfSequence = beginOfSequence
        self.endOfSequence = endOfSequence
        self.padding = padding
        self.chatTemplate = chatTemplate
        self.toolTemplate = toolTemplate
        self.vocabularySize = vocabularySize
    }
}
