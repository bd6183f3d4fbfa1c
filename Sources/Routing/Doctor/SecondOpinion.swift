/// Scores of an adapter's examples, each by rules that were not trained on it.
struct SecondOpinion: Sendable {
    struct Example: Sendable {
        var text: String
        /// The scores of its own adapter and of the best other one.
        var own: Float
        var rival: Float
        /// Position of that other one in the index; nil where there is none.
        var rivalEntry: Int?
        /// The probability of its own adapter.
        var probability: Double
        /// The nearest other text of its own adapter, and of that best other one; nil where there is none.
        var nearestOwn: Near?
        var nearestRival: Near?

        /// The cosine with the nearest of both.
        var nearest: Float { max(nearestOwn?.similarity ?? -1, nearestRival?.similarity ?? -1) }
    }

    struct Near: Sendable {
        var text: String
        var similarity: Float
    }

    /// How many rows are left out at once; the cost grows with the square.
    private static let piece = 128

    private let index: RouteIndex
    private let set: TrainingSet
    private let fit: RidgeFit

    /// Nil for an index without rules.
    init?(_ index: RouteIndex) {
        guard let set = index.set, let fit = RidgeFit(set, previous: index.sums) else { return nil }
        (self.index, self.set, self.fit) = (index, set, fit)
    }

    /// The examples of one entry, in their order.
    func examples(_ entry: Int) -> [Example] {
        let vectors = index.entries[entry].examples
        var examples: [Example] = []
        for start in stride(from: 0, to: vectors.texts.count, by: Self.piece) {
            let rows = (start..<min(start + Self.piece, vectors.texts.count)).map { TrainingSet.Row(group: entry, row: $0) }
            for (row, scores) in zip(rows, fit.heldOut(rows, together: false).alone) {
                examples.append(example(entry, row.row, scores, vectors))
            }
        }
        return examples
    }

    private func example(_ entry: Int, _ row: Int, _ scores: [Float], _ vectors: ExampleVectors) -> Example {
        let rival = index.entries.indices.filter { $0 != entry }.max { scores[$0] < scores[$1] }
        return vectors.withRow(row) { vector in
            let evidence = index.evidence(scores, vector, skipping: (entry, row)) { _ in true }
            let share = index.calibration.shares(scores)[entry]
            return Example(
                text: vectors.texts[row], own: scores[entry], rival: rival.map { scores[$0] } ?? 0, rivalEntry: rival,
                probability: index.calibration.scope(evidence) * share, nearestOwn: nearest(vector, vectors, skipping: row),
                nearestRival: rival.flatMap { nearest(vector, index.entries[$0].examples) })
        }
    }

    private func nearest(_ vector: UnsafeBufferPointer<Float>, _ examples: ExampleVectors, skipping row: Int? = nil) -> Near? {
        var nearest = NearestExamples(1)
        _ = nearest.score(examples, vector, skipping: row)
        return nearest.best.first.map { Near(text: examples.texts[$0.example], similarity: $0.similarity) }
    }
}
