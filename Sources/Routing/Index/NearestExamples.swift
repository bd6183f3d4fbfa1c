/// Finds the k most similar examples of an adapter. It keeps its memory from one adapter to the next.
struct NearestExamples {
    /// Those of the last adapter, nearest first; ties keep the order of the file.
    private(set) var best: [(example: Int, similarity: Float)] = []
    private let neighbours: Int
    private var similarities: [Float] = []

    init(_ neighbours: Int) {
        self.neighbours = neighbours
        best.reserveCapacity(neighbours + 1)
    }

    /// The mean similarity of the nearest examples, without the example `skipped` (leave-one-out); nil when there is no other.
    mutating func score(_ examples: ExampleVectors, _ query: UnsafeBufferPointer<Float>, skipping skipped: Int? = nil) -> Float? {
        if similarities.count < examples.texts.count { similarities = .init(repeating: 0, count: examples.texts.count) }
        best.removeAll(keepingCapacity: true)
        let count = examples.texts.count
        let neighbours = neighbours
        similarities.withUnsafeMutableBufferPointer { all in
            let own = UnsafeMutableBufferPointer(rebasing: all[..<count])
            examples.similarities(to: query, into: own)
            for example in 0..<count where example != skipped {
                let similarity = own[example]
                if best.count == neighbours, similarity <= best[neighbours - 1].similarity { continue }
                var position = best.count
                while position > 0 && best[position - 1].similarity < similarity { position -= 1 }
                best.insert((example, similarity), at: position)
                if best.count > neighbours { best.removeLast() }
            }
        }
        guard !best.isEmpty else { return nil }
        return best.reduce(Float(0)) { $0 + $1.similarity } / Float(best.count)
    }
}
