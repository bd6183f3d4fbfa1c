/// From a judgement to a decision with its explanation; pure.
struct Decider {
    let index: RouteIndex
    let policy: RoutePolicy

    func decide(_ judgement: RouteIndex.Judgement, query: RouteQuery, text: String, encoder: String) -> RouteDecision {
        let candidates = ranked(judgement.candidates, query: query)
        guard let best = candidates.first else {
            return .fallback(reason: "no candidate has routing data", text: text, encoder: encoder)
        }
        let isMatch = best.probability >= best.threshold
        let margin = candidates.count > 1 ? best.probability - candidates[1].probability : best.probability
        return RouteDecision(
            adapter: isMatch ? best.adapter : nil, route: isMatch ? .matched : .fallback,
            reason: reason(candidates, none: judgement.none, isMatch: isMatch), probability: best.probability,
            noneProbability: judgement.none, margin: margin, threshold: best.threshold, text: text,
            candidates: Array(candidates.prefix(max(query.top, 1))), encoder: encoder, timings: .init())
    }

    /// Best first; within the tie margin of the best one the higher priority goes first.
    private func ranked(_ candidates: [RouteIndex.Judgement.Candidate], query: RouteQuery) -> [RouteDecision.Candidate] {
        var rows = candidates.map { found in
            let entry = index.entries[found.entry]
            let candidate = RouteDecision.Candidate(
                adapter: entry.definition.adapter, probability: found.probability, score: found.score,
                threshold: query.threshold ?? entry.definition.threshold ?? policy.threshold,
                nearest: found.nearest.map {
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

    private func reason(_ candidates: [RouteDecision.Candidate], none: Double, isMatch: Bool) -> String {
        let best = candidates[0]
        let (probability, threshold) = (percent(best.probability), percent(best.threshold))
        guard isMatch else {
            let doubt =
                none >= best.probability
                ? "probably none of the adapters is meant (\(percent(none)))"
                : "it is not clear which adapter is meant: \(candidates.prefix(2).map { "\($0.adapter) \(percent($0.probability))" }.joined(separator: ", "))"
            return "\(doubt); the best, \(best.adapter), has \(probability), below its threshold of \(threshold): the base answers"
        }
        return "\(best.adapter) is right with \(probability) (threshold \(threshold))\(against(candidates))"
    }

    /// Why not the runner-up.
    private func against(_ candidates: [RouteDecision.Candidate]) -> String {
        guard candidates.count > 1 else { return "" }
        let (best, second) = (candidates[0], candidates[1])
        guard let near = best.nearest.first, let far = second.nearest.first else {
            return "; \(second.adapter) has \(percent(second.probability))"
        }
        let nearest =
            near.similarity >= far.similarity
            ? "its nearest example is nearer (\(rounded(near.similarity)) against \(rounded(far.similarity)))"
            : "\(second.adapter) has a nearer example (\(rounded(far.similarity)) against \(rounded(near.similarity))), but the rules learnt from all examples speak for \(best.adapter)"
        return "; \(second.adapter) has \(percent(second.probability)): \(nearest)"
    }

    /// Never certain where the figure is not.
    private func percent(_ value: Double) -> String {
        if value > 0.99, value < 1 { return "over 99 %" }
        if value < 0.01, value > 0 { return "under 1 %" }
        return "\(Int((value * 100).rounded())) %"
    }
    private func rounded(_ value: Float) -> String { "\((Double(value) * 100).rounded() / 100)" }
}
