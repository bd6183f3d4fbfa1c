/// One input of an embeddings request.
public struct EmbeddingInput: Sendable, Equatable {
    public enum Content: Sendable, Equatable {
        case text(String)
        /// Of the encoder's tokenizer.
        case tokens([Int32])
    }

    public var content: Content
    /// Where it stands in the request, like `input[2]`.
    public var path: String

    public init(_ content: Content, path: String) {
        self.content = content
        self.path = path
    }
}

/// What becomes of a text that the encoder cannot embed whole.
public enum EmbeddingCut: Sendable, Equatable {
    /// The request is refused.
    case none
    /// Its end is dropped, so that no more than these tokens are left, those around it included.
    case tokens(Int)
}
