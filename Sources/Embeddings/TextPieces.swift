/// A text as an encoder sees it: its sentence vector, and its word pieces with a vector each.
public struct TextPieces: Sendable, Equatable {
    /// `[dimension]`, of length 1: the vector that `embed` gives.
    public var sentence: [Float]
    /// The token of each piece. Tokens that the model expects around a text are left out.
    public var tokens: [Int32]
    /// The word that each piece belongs to, counted from 0. A punctuation character is a word.
    public var words: [Int32]
    /// `[pieces, dimension]`, row-major: the last layer's state of each piece, scaled to length 1. A zero state stays zero.
    public var vectors: [Float]

    public init(sentence: [Float], tokens: [Int32], words: [Int32], vectors: [Float]) {
        precondition(
            words.count == tokens.count && vectors.count == tokens.count * sentence.count,
            "\(tokens.count) pieces of \(sentence.count) elements have \(words.count) words and \(vectors.count) elements")
        self.sentence = sentence
        self.tokens = tokens
        self.words = words
        self.vectors = vectors
    }
}
