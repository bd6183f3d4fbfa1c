import Generation

/// Turns a judgement into a decision with its explanation. Pure.
struct Decider {
    let index: RouteIndex
    let policy: RoutePolicy

    func decide(_ judgement: RouteIndex.Judgement, query: RouteQuery, text: String, encoder: String) -> RouteDecision {
        let candidates = ranked(judgement.candidates, query: query)
        guard let best = candidates.first else {
            return .fallback(reason: "no candidate has routing data", text: text, encoder: encoder)
        }
        // Of adapters that are alike either is right, so their probabilities count together.
        let alike = alike(judgement.candidates, best: best.adapter)
        let probability = best.probability + alike.reduce(0) { $0 + $1.probability }
        let isMatch = probability >= best.threshold
        let others = candidates.dropFirst().first { row in !alike.contains { $0.adapter == row.adapter } }
        let margin = probability - (others?.probability ?? 0)
        return RouteDecision(
            adapter: isMatch ? best.adapter : nil, route: isMatch ? .matched : .fallback,
            reason: reason(candidates, probability, alike: alike.map(\.adapter), none: judgement.none, isMatch: isMatch),
            probability: probability,
            noneProbability: judgement.none, margin: margin, threshold: best.threshold, text: text,
            candidates: Array(candidates.prefix(max(query.top, 1))), encoder: encoder, timings: .init())
    }

    /// The other members of the group that is alike with the best by score; none when the chosen adapter is not of that group.
    private func alike(
        _ candidates: [RouteIndex.Judgement.Candidate], best: String
    ) -> [(adapter: String, probability: Double)] {
        let group = candidates.enumerated().filter { $0.offset == 0 || $0.element.isLikeBest }.map {
            (adapter: index.entries[$0.element.entry].definition.adapter, probability: $0.element.probability)
        }
        return group.contains { $0.adapter == best } ? group.filter { $0.adapter != best } : []
    }

    /// Best first. Among those within the tie margin of the best one, or alike with it, the highest priority goes first.
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
        let tied = rows.indices.filter { place in
            candidates[place].isLikeBest || rows[0].candidate.probability - rows[place].candidate.probability < policy.tieMargin
        }
        if let winner = tied.max(by: { (rows[$0].priority, $1) < (rows[$1].priority, $0) }), winner > 0 {
            rows.insert(rows.remove(at: winner), at: 0)
        }
        return rows.map(\.candidate)
    }

    private func reason(
        _ candidates: [RouteDecision.Candidate], _ probability: Double, alike: [String], none: Double, isMatch: Bool
    ) -> String {
        let best = candidates[0]
        let (probability, threshold) = (percent(probability), percent(best.threshold))
        let together = alike.isEmpty ? "" : " together with \(alike.joined(separator: ", ")), whose examples are nearly the same,"
        guard isMatch else {
            let doubt =
                none >= 0.5
                ? "probably none of the adapters is meant (\(percent(none)))"
                : "it is not clear which adapter is meant: \(candidates.prefix(2).map { "\($0.adapter) \(percent($0.probability))" }.joined(separator: ", "))"
            return "\(doubt); the best, \(best.adapter), has \(probability), below its threshold of \(threshold): the base answers"
        }
        return "\(best.adapter)\(together) is right with \(probability) (threshold \(threshold))\(against(candidates.filter { !alike.contains($0.adapter) }))"
    }

    /// Why the second candidate was not chosen.
    private func against(_ candidates: [RouteDecision.Candidate]) -> String {
        guard candidates.count > 1 else { return "" }
        let (best, second) = (candidates[0], candidates[1])
        guard let near = best.nearest.first, let far = second.nearest.first else {
            return "; \(second.adapter) has \(percent(second.probability))"
        }
        let nearest =
            near.similarity >= far.similarity
            ? "\(best.adapter) has the nearer example (\(rounded(near.similarity)) against \(rounded(far.similarity)))"
            : "\(second.adapter) has a nearer example (\(rounded(far.similarity)) against \(rounded(near.similarity))), but the rules learnt from all examples favour \(best.adapter)"
        return "; \(second.adapter) has \(percent(second.probability)): \(nearest)"
    }

    /// Never 0 % or 100 % where the figure is not.
    private func percent(_ value: Double) -> String {
        if value > 0.99, value < 1 { return "over 99 %" }
        if value < 0.01, value > 0 { return "under 1 %" }
        return "\(Int((value * 100).rounded())) %"
    }
    private func rounded(_ value: Float) -> String { "\((Double(value) * 100).rounded() / 100)" }
}
