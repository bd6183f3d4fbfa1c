public import Embeddings

extension FactKey {
    /// The key of a text: its vectors rounded to int8, each by its own greatest element. Cost: O(pieces * dimension).
    public init(_ text: TextPieces) {
        let dimension = text.sentence.count
        var sentence: [Int8] = []
        let scale = Self.round(text.sentence[...], into: &sentence)
        var pieces = Pieces()
        pieces.tokens = text.tokens
        pieces.words = text.words.map { UInt16(clamping: $0) }
        pieces.vectors.reserveCapacity(text.vectors.count)
        for start in stride(from: 0, to: text.vectors.count, by: max(dimension, 1)) {
            pieces.scales.append(Self.round(text.vectors[start..<start + dimension], into: &pieces.vectors))
        }
        self.init(sentence: sentence, scale: scale, pieces: pieces)
    }

    /// Appends `round(x / scale)` and returns the scale, `max |x| / 127`; zero for a zero vector.
    private static func round(_ vector: ArraySlice<Float>, into rounded: inout [Int8]) -> Float {
        let greatest = vector.reduce(Float(0)) { max($0, abs($1)) }
        guard greatest > 0, greatest.isFinite else {
            rounded.append(contentsOf: repeatElement(0, count: vector.count))
            return 0
        }
        let scale = greatest / 127
        for element in vector { rounded.append(Int8(clamping: Int((element / scale).rounded()))) }
        return scale
    }
}
