/// Sentence vectors of up to 256 keys, one after another: what a scan reads in one go. A fact's keys are in one chunk, side by side.
public struct FactKeyChunk: Sendable {
    /// Rows.
    public static let capacity = 256

    public let dimension: Int
    /// The fact that a row belongs to, `[count]`.
    public private(set) var facts: [Fact.ID] = []
    /// Which of the fact's keys a row is, `[count]`: 0 the question, then the other wordings.
    public private(set) var wordings: [UInt8] = []
    /// `[count]`: element `i` of row `r` is `scales[r] * Float(vectors[r * dimension + i])`.
    public private(set) var scales: [Float] = []
    /// `[count, dimension]`, row-major.
    public private(set) var vectors: [Int8] = []
    /// `[count, KeySketch.words(dimension)]`: the signs of the vectors.
    public private(set) var sketches: [UInt64] = []

    public var count: Int { facts.count }

    init(dimension: Int) {
        self.dimension = dimension
    }

    mutating func append(_ fact: Fact.ID, wording: Int, scale: Float, vector: some Collection<Int8>) {
        precondition(vector.count == dimension, "a key of \(vector.count) elements where \(dimension) are due")
        precondition(count < Self.capacity, "a chunk has \(Self.capacity) rows")
        facts.append(fact)
        wordings.append(UInt8(wording))
        scales.append(scale)
        vectors.append(contentsOf: vector)
        KeySketch.append(vector, to: &sketches)
    }

    /// Removes the rows of a fact and returns their number.
    mutating func remove(_ fact: Fact.ID) -> Int {
        guard let first = facts.firstIndex(of: fact) else { return 0 }
        let end = facts[first...].firstIndex { $0 != fact } ?? count
        facts.removeSubrange(first..<end)
        wordings.removeSubrange(first..<end)
        scales.removeSubrange(first..<end)
        vectors.removeSubrange(first * dimension..<end * dimension)
        let words = KeySketch.words(dimension)
        sketches.removeSubrange(first * words..<end * words)
        return end - first
    }
}
