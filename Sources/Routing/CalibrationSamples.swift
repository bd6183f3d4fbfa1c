extension RouteIndex {
    /// What the index can say of its own mistakes; see `Calibration`.
    ///
    /// Deterministic: examples are taken at even strides, at most `budget` multiplications of vectors in all, so that a
    /// large folder calibrates as fast as a small one.
    ///
    /// - Parameter background: vectors of general prompts, `[texts, dimension]`.
    func calibrationSamples(background: ExampleVectors, budget: Int = 4_000_000) -> [Calibration.Sample] {
        let total = entries.reduce(0) { $0 + $1.examples.texts.count }
        guard total > 0 else { return [] }
        var samples: [Calibration.Sample] = []
        let queries = min(max(budget / total, 64), total)
        let stride = max(total / queries, 1)
        var counter = 0
        for (position, entry) in entries.enumerated() {
            for example in 0..<entry.examples.texts.count {
                defer { counter += 1 }
                guard counter.isMultiple(of: stride) else { continue }
                let hits = entry.examples.withRow(example) { search($0, excluding: (position, example)) }
                guard let best = hits.first else { continue }
                samples.append(sample(hits, isRight: best.entry == position))
                let others = hits.filter { $0.entry != position }
                if !others.isEmpty { samples.append(sample(others, isRight: false)) }
            }
        }
        for text in 0..<background.texts.count {
            let hits = background.withRow(text) { search($0) }
            if !hits.isEmpty { samples.append(sample(hits, isRight: false)) }
        }
        return samples
    }

    private func sample(_ hits: [Hit], isRight: Bool) -> Calibration.Sample {
        Calibration.Sample(score: hits[0].score, margin: Self.margin(of: 0, in: hits), isRight: isRight)
    }

    /// How far a hit's score is ahead of the best other one; 0 without a rival.
    static func margin(of position: Int, in hits: [Hit]) -> Float {
        guard hits.count > 1 else { return 0 }
        return hits[position].score - hits[position == 0 ? 1 : 0].score
    }
}

extension ExampleVectors {
    func withRow<Result>(_ row: Int, _ body: (UnsafeBufferPointer<Float>) -> Result) -> Result {
        vectors.withUnsafeBufferPointer {
            body(UnsafeBufferPointer(rebasing: $0[(row * dimension)..<((row + 1) * dimension)]))
        }
    }
}
