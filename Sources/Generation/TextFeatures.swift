/// What a router learns from: more of what an encoder knows of a text than the one vector that says how similar texts are.
public struct TextFeatures: Sendable {
    /// `[texts, dimension]`, row-major, each row of length 1: as `EmbeddedTexts`.
    public var vectors: [Float]
    /// `[texts, featureDimension]`, row-major, each row of length 1.
    public var features: [Float]
    /// Tokens of each text after the cut, special tokens included.
    public var tokenCounts: [Int]
    public var tokenizeMicroseconds: Double
    public var embedMicroseconds: Double

    public init(
        vectors: [Float], features: [Float], tokenCounts: [Int], tokenizeMicroseconds: Double, embedMicroseconds: Double
    ) {
        self.vectors = vectors
        self.features = features
        self.tokenCounts = tokenCounts
        self.tokenizeMicroseconds = tokenizeMicroseconds
        self.embedMicroseconds = embedMicroseconds
    }
}

extension TextEmbedder {
    public var featureDimension: Int { dimension }
    public var distanceRange: Range<Int> { 0..<featureDimension }

    public func features(of texts: [String]) throws -> TextFeatures {
        let embedded = try embed(texts)
        return TextFeatures(
            vectors: embedded.vectors, features: embedded.vectors, tokenCounts: embedded.tokenCounts,
            tokenizeMicroseconds: embedded.tokenizeMicroseconds, embedMicroseconds: embedded.embedMicroseconds)
    }

    public func tokens(of text: String, most: Int) -> [Int32] { [] }
    public func text(of tokens: [Int32]) -> String? { nil }
    public func rank(ofWord word: String) -> Int? { nil }
}
