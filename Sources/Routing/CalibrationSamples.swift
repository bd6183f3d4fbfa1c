internal import Synchronization
internal import Tensors

extension RouteIndex {
    /// What the index can say of its own mistakes; see `Calibration`.
    ///
    /// Deterministic: examples are taken at even strides, at most `budget` multiplications of vectors in all, so that a
    /// large folder calibrates as fast as a small one. Every question is put to an adapter while its examples lie in the
    /// cache, adapters on several threads.
    ///
    /// - Parameter background: vectors of general prompts, `[texts, dimension]`.
    func calibrationSamples(background: ExampleVectors, budget: Int = 4_000_000) -> [Calibration.Sample] {
        let questions = questions(background, budget: budget)
        guard !questions.isEmpty else { return [] }
        let scores = Mutex([[Float?]](repeating: [], count: entries.count))
        Parallel.forEach(entries.count, piece: 4) { range in
            var nearest = NearestExamples(neighbours)
            for position in range {
                let own = questions.map { question in
                    let vectors = question.entry.map { entries[$0].examples } ?? background
                    let skipped = question.entry == position ? question.row : nil
                    return vectors.withRow(question.row) { nearest.score(entries[position].examples, $0, skipping: skipped) }
                }
                scores.withLock { $0[position] = own }
            }
        }
        let byEntry = scores.withLock { $0 }
        return questions.enumerated().flatMap { number, question in samples(question, byEntry.map { $0[number] }) }
    }

    /// A text whose right answer is known: an example, or a general prompt that belongs to no adapter.
    private struct Question: Sendable {
        var entry: Int?
        var row: Int
    }

    private func questions(_ background: ExampleVectors, budget: Int) -> [Question] {
        let total = entries.reduce(0) { $0 + $1.examples.texts.count }
        guard total > 0 else { return [] }
        let queries = min(max(budget / total, 64), total)
        let stride = max(total / queries, 1)
        let examples = entries.indices.flatMap { entry in
            entries[entry].examples.texts.indices.map { Question(entry: entry, row: $0) }
        }
        return examples.enumerated().filter { $0.offset.isMultiple(of: stride) }.map(\.element)
            + background.texts.indices.map { Question(entry: nil, row: $0) }
    }

    /// `scores`: of each adapter; nil where it has nothing but the question itself.
    private func samples(_ question: Question, _ scores: [Float?]) -> [Calibration.Sample] {
        var samples: [Calibration.Sample] = []
        if let sample = sample(scores, answer: question.entry, without: nil) { samples.append(sample) }
        // The same with its adapter taken away: whatever wins then is wrong.
        if let entry = question.entry, scores[entry] != nil, let sample = sample(scores, answer: nil, without: entry) {
            samples.append(sample)
        }
        return samples
    }

    private func sample(_ scores: [Float?], answer: Int?, without: Int?) -> Calibration.Sample? {
        var best: (entry: Int, score: Float)?
        var rival: Float?
        for (entry, score) in scores.enumerated() where entry != without {
            guard let score else { continue }
            if let leader = best, score <= leader.score {
                rival = max(rival ?? score, score)
            } else {
                rival = best?.score
                best = (entry, score)
            }
        }
        guard let best else { return nil }
        return Calibration.Sample(score: best.score, margin: rival.map { best.score - $0 } ?? 0, isRight: best.entry == answer)
    }

    /// How far a hit's score is ahead of the best other one; 0 without a rival.
    static func margin(of position: Int, in hits: [Hit]) -> Float {
        guard hits.count > 1 else { return 0 }
        return hits[position].score - hits[position == 0 ? 1 : 0].score
    }
}
