/// From scores to a decision with its explanation; pure.
struct Decider {
    let index: RouteIndex
    let calibration: Calibration
    let policy: RoutePolicy

    func decide(_ hits: [RouteIndex.Hit], query: RouteQuery, text: String, encoder: String) -> RouteDecision {
        let candidates = ranked(hits, query: query)
        guard let best = candidates.first else {
            return .fallback(reason: "no candidate has routing data", text: text, encoder: encoder)
        }
        let isMatch = best.probability >= best.threshold
        let margin = candidates.count > 1 ? best.probability - candidates[1].probability : best.probability
        return RouteDecision(
            adapter: isMatch ? best.adapter : nil, route: isMatch ? .matched : .fallback,
            reason: reason(best, isMatch: isMatch), probability: best.probability, margin: margin,
            threshold: best.threshold, text: text, candidates: Array(candidates.prefix(max(query.top, 1))),
            encoder: encoder, timings: .init())
    }

    /// Best first; within the tie margin of the best one the higher priority goes first.
    private func ranked(_ hits: [RouteIndex.Hit], query: RouteQuery) -> [RouteDecision.Candidate] {
        var rows = hits.indices.map { position in
            let entry = index.entries[hits[position].entry]
            let probability = calibration.probability(
                score: hits[position].score, margin: RouteIndex.margin(of: position, in: hits))
            let candidate = RouteDecision.Candidate(
                adapter: entry.definition.adapter, probability: probability, score: hits[position].score,
                threshold: query.threshold ?? entry.definition.threshold ?? policy.threshold,
                nearest: hits[position].nearest.map {
                    .init(text: entry.examples.texts[$0.example], similarity: $0.similarity)
                })
            return (candidate: candidate, priority: entry.definition.priority)
        }
        let ties = rows.prefix { rows[0].candidate.probability - $0.candidate.probability < policy.tieMargin }.count
        if ties > 1, let winner = (0..<ties).max(by: { (rows[$0].priority, $1) < (rows[$1].priority, $0) }), winner > 0 {
            rows.insert(rows.remove(at: winner), at: 0)
        }
        return rows.map(\.candidate)
    }

    private func reason(_ best: RouteDecision.Candidate, isMatch: Bool) -> String {
        let probability = percent(best.probability)
        let threshold = percent(best.threshold)
        guard isMatch else {
            return "the best adapter, \(best.adapter), is right with \(probability), below its threshold of \(threshold): the base answers"
        }
        return "\(best.adapter) is right with \(probability) (threshold \(threshold)); its examples are the nearest ones"
    }

    private func percent(_ value: Double) -> String { "\(Int((value * 100).rounded())) %" }
}
