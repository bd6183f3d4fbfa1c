/// What the rules would have said of an adapter's examples, had they not seen each of them.
struct SecondOpinion: Sendable {
    struct Example: Sendable {
        var text: String
        /// Of its own adapter, and of the best other one.
        var own: Float
        var rival: Float
        /// Position of that other one in the index; nil where there is none.
        var rivalEntry: Int?
        /// Of its own adapter.
        var probability: Double
        /// Cosine with the nearest other example of any adapter that is searched.
        var nearest: Float
    }

    /// Rows that are left out in one go; their cost grows with the square.
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
            var own = NearestExamples(1)
            var nearest = own.score(vectors, vector, skipping: row) ?? -1
            if let rival { nearest = max(nearest, own.score(index.entries[rival].examples, vector) ?? -1) }
            return Example(
                text: vectors.texts[row], own: scores[entry], rival: rival.map { scores[$0] } ?? 0, rivalEntry: rival,
                probability: index.calibration.scope(evidence) * share, nearest: nearest)
        }
    }
}
