import Generation

/// Makes one decision of several by the same router: for the pieces of a long text, and for the turns of a conversation.
enum DecisionBlend {
    /// The most confident piece decides: a request stands in one place of a long text, and the rest is about something else.
    static func pieces(_ decisions: [RouteDecision]) -> RouteDecision {
        guard var best = decisions.max(by: { confidence($0) < confidence($1) }) else { return .fallback(reason: "there is no text to route") }
        best.timings = total(decisions)
        return best
    }

    /// The mean of the probabilities. A turn counts by its weight and by its confidence, so that "and of Ohio?" leaves the decision to
    /// the turn before it.
    static func turns(_ turns: [(decision: RouteDecision, weight: Double)]) -> RouteDecision {
        guard var blend = turns.first?.decision, turns.count > 1 else {
            return turns.first?.decision ?? .fallback(reason: "there is no text to route")
        }
        let weights = turns.map { $0.weight * max(confidence($0.decision), 0.05) }
        let sum = weights.reduce(0, +)
        var candidates: [String: RouteDecision.Candidate] = [:]
        for ((decision, _), weight) in zip(turns, weights) {
            for candidate in decision.candidates {
                var own = candidates[candidate.adapter] ?? candidate
                if candidates[candidate.adapter] == nil {
                    own.probability = 0
                    own.score = 0
                }
                own.probability += candidate.probability * weight / sum
                own.score += candidate.score * Float(weight / sum)
                candidates[candidate.adapter] = own
            }
        }
        blend.candidates = candidates.values.sorted { ($0.probability, $1.adapter) > ($1.probability, $0.adapter) }
        blend.timings = total(turns.map(\.decision))
        guard let best = blend.candidates.first else { return blend }
        let isMatch = best.probability >= best.threshold
        blend.adapter = isMatch ? best.adapter : nil
        blend.route = isMatch ? .matched : .fallback
        blend.probability = best.probability
        blend.noneProbability = zip(turns, weights).reduce(0) { $0 + ($1.0.decision.noneProbability ?? 0) * $1.1 / sum }
        blend.threshold = best.threshold
        blend.margin = best.probability - (blend.candidates.dropFirst().first?.probability ?? 0)
        let figure = "\(Int((best.probability * 100).rounded())) %"
        let limit = "\(Int((best.threshold * 100).rounded())) %"
        blend.reason =
            isMatch
            ? "\(best.adapter) is right with \(figure) (threshold \(limit)) by the last \(turns.count) turns of the user together"
            : "the best adapter by the last \(turns.count) turns, \(best.adapter), is right with \(figure), below its threshold of \(limit): the base answers"
        return blend
    }

    private static func confidence(_ decision: RouteDecision) -> Double { decision.candidates.first?.probability ?? 0 }

    private static func total(_ decisions: [RouteDecision]) -> RouteDecision.Timings {
        decisions.reduce(into: RouteDecision.Timings()) { total, decision in
            total.tokenizeMicroseconds += decision.timings.tokenizeMicroseconds
            total.embedMicroseconds += decision.timings.embedMicroseconds
            total.searchMicroseconds += decision.timings.searchMicroseconds
            total.totalMicroseconds += decision.timings.totalMicroseconds
        }
    }
}
