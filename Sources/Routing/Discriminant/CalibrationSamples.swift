/// Texts with known answers, with the scores of rules that were not trained on them.
///
/// Deterministic, and of bounded cost: rows are taken at even strides.
struct CalibrationSamples {
    let index: RouteIndex
    let fit: RidgeFit
    let set: TrainingSet
    /// Out-of-scope texts, in the order of the set's last group.
    let negatives: ExampleVectors

    private static let mostAlone = 300
    private static let mostTogether = 4
    private static let mostRowsTogether = 128

    func make() -> [Calibration.Sample] {
        let alone = set.sample(Self.mostAlone) { $0.adapter != nil && $0.count > 1 }
        var samples: [Calibration.Sample] = []
        var liked: [Int: Bool] = [:]
        for (row, scores) in zip(alone, fit.heldOut(alone, together: false).alone) {
            var sample = sample(row, scores, without: nil)
            // Of two adapters that are alike, either may have the answer, so such texts do not tell how sharp the scores are.
            if let answer = sample.answer {
                let isLiked = liked[answer] ?? !index.likes(of: answer).isEmpty
                liked[answer] = isLiked
                if isLiked { sample.scores = [] }
            }
            samples.append(sample)
        }
        // Of two adapters that are alike, the other one answers when one is left out.
        if set.adapters > 1 {
            for group in unlikeGroups() {
                let rows = (0..<min(set.groups[group].count, Self.mostRowsTogether)).map { TrainingSet.Row(group: group, row: $0) }
                for (row, scores) in zip(rows, fit.heldOut(rows, together: true).together) {
                    samples.append(sample(row, scores, without: set.groups[group].adapter))
                }
            }
        }
        if let last = set.groups.indices.last, set.groups[last].adapter == nil {
            let rows = set.sample(Self.mostAlone) { $0.adapter == nil }
            for (row, scores) in zip(rows, fit.heldOut(rows, together: false).alone) { samples.append(sample(row, scores, without: nil)) }
        }
        return samples
    }

    /// Some adapters without one that is alike, at even strides; looks at few of thousands.
    private func unlikeGroups() -> [Int] {
        let groups = set.groups.indices.filter { set.groups[$0].adapter != nil }
        var chosen: [Int] = []
        for place in 0..<min(Self.mostTogether, groups.count) {
            let start = place * groups.count / min(Self.mostTogether, groups.count)
            let next = (0..<groups.count).lazy.map { groups[(start + $0) % groups.count] }.first { group in
                !chosen.contains(group) && set.groups[group].adapter.map { index.likes(of: $0).isEmpty } ?? false
            }
            if let next { chosen.append(next) }
        }
        return chosen
    }

    /// - Parameter without: an adapter that is taken for absent, so that the text is out of scope.
    private func sample(_ row: TrainingSet.Row, _ scores: [Float], without absent: Int?) -> Calibration.Sample {
        let adapter = set.groups[row.group].adapter
        let vectors = adapter.map { index.entries[$0].examples } ?? negatives
        let skipped = adapter == absent ? nil : adapter.map { (entry: $0, example: row.row) }
        let evidence = vectors.withRow(row.row) { vector in
            index.evidence(scores, vector, skipping: skipped) { $0 != absent }
        }
        return Calibration.Sample(
            evidence: evidence, answer: absent == nil ? adapter : nil, scores: absent == nil && adapter != nil ? scores : [])
    }
}
