/// The encoder's vectors of one wording of a fact, by which requests are compared with it. The question is wording 0.
///
/// Vectors are int8 with a scale each: element `i` is `scale * Float(vector[i])`. Sentence and pieces have one dimension, that of the encoder.
public struct FactKey: Sendable, Equatable {
    /// Of the whole text, `[dimension]`.
    public var sentence: [Int8]
    public var scale: Float
    public var pieces: Pieces

    public init(sentence: [Int8], scale: Float, pieces: Pieces = Pieces()) {
        self.sentence = sentence
        self.scale = scale
        self.pieces = pieces
    }

    /// The word pieces of a text, in order, each with its vector in context.
    public struct Pieces: Sendable, Equatable {
        /// Of the encoder's vocabulary, `[pieces]`.
        public var tokens: [Int32]
        /// The word of the text that a piece belongs to, counted from 0, `[pieces]`.
        public var words: [UInt16]
        /// `[pieces]`.
        public var scales: [Float]
        /// `[pieces, dimension]`.
        public var vectors: [Int8]

        public var count: Int { tokens.count }

        public init(tokens: [Int32] = [], words: [UInt16] = [], scales: [Float] = [], vectors: [Int8] = []) {
            precondition(
                words.count == tokens.count && scales.count == tokens.count,
                "\(tokens.count) pieces have \(words.count) words and \(scales.count) scales")
            precondition(
                tokens.isEmpty ? vectors.isEmpty : vectors.count % tokens.count == 0, "\(vectors.count) elements for \(tokens.count) pieces")
            self.tokens = tokens
            self.words = words
            self.scales = scales
            self.vectors = vectors
        }
    }
}
