/// Something that turns texts into unit vectors: the encoder of this process, or a fake one in a test.
public protocol TextEmbedder: Sendable {
    /// Length of each vector.
    var dimension: Int { get }
    /// Changes whenever the same text would get another vector (weights, pooling, precision); keys caches on disk.
    var identity: String { get }
    /// Name for people and for `/v1/embeddings`.
    var name: String { get }
    /// Longer texts are cut to this many tokens.
    var maxTokens: Int { get }

    /// Embeds texts, in order. Synchronous and thread-safe; call it off the loop and off the engine thread.
    func embed(_ texts: [String]) throws -> EmbeddedTexts

    /// Length of a text's features; `dimension` unless the embedder has more to tell.
    var featureDimension: Int { get }
    /// The part of the features on which distances are measured; all of them by default.
    var distanceRange: Range<Int> { get }
    /// Embeds texts with their features; the vectors are those of `embed`, and the only features by default.
    func features(of texts: [String]) throws -> TextFeatures
    /// The first `most` tokens of a text, those that the encoder puts around each included; by default none.
    func tokens(of text: String, most: Int) -> [Int32]
    /// A text that has these tokens, without those around it; nil where one is not in the vocabulary, which is the default.
    func text(of tokens: [Int32]) -> String?
    /// How common a lower-case word is among those that the encoder knows as a whole: smaller is more common. Nil: it does not
    /// know it, or tells nothing of words, which is the default.
    func rank(ofWord word: String) -> Int?
}

public struct EmbeddedTexts: Sendable {
    /// `[texts, dimension]`, row-major, f32, each row of length 1.
    public var vectors: [Float]
    /// Tokens of each text after the cut, special tokens included.
    public var tokenCounts: [Int]
    public var tokenizeMicroseconds: Double
    public var embedMicroseconds: Double

    public init(vectors: [Float], tokenCounts: [Int], tokenizeMicroseconds: Double, embedMicroseconds: Double) {
        self.vectors = vectors
        self.tokenCounts = tokenCounts
        self.tokenizeMicroseconds = tokenizeMicroseconds
        self.embedMicroseconds = embedMicroseconds
    }
}
