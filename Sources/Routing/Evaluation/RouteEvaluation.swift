public import Generation

/// The decisions of a router for texts whose right answers are known.
public struct RouteEvaluation: Sendable {
    public struct Outcome: Sendable {
        /// The adapter that should answer; nil is the base.
        public var expected: String?
        public var text: LabelledText
        /// The adapter that answers; nil is the base.
        public var chosen: String?
        /// Best first, three at most.
        public var candidates: [RouteDecision.Candidate]
        /// The probability that no adapter is meant.
        public var none: Double

        public var isRight: Bool { chosen == expected }
        public var best: RouteDecision.Candidate? { candidates.first }

        public init(_ text: LabelledText, _ decision: RouteDecision) {
            self.text = text
            expected = text.adapter
            chosen = decision.route == .matched ? decision.adapter : nil
            candidates = Array(decision.candidates.prefix(3))
            none = decision.noneProbability ?? 1
        }
    }

    /// Texts of one adapter that another one answered.
    public struct Confusion: Sendable {
        public var expected: String?
        public var chosen: String?
        public var count: Int
        public var example: LabelledText
    }

    public struct AdapterRow: Sendable {
        public var adapter: String
        /// Texts that it should answer, and the decisions for them.
        public var texts = 0
        public var right = 0
        public var leftToBase = 0
        /// Texts that it answered.
        public var chosen = 0
        /// Mean probability of the best candidate over texts that it should answer, where it was that.
        public var meanProbability = 0.0

        public var recall: Double? { texts > 0 ? Double(right) / Double(texts) : nil }
        public var precision: Double? { chosen > 0 ? Double(right) / Double(chosen) : nil }
    }

    public let outcomes: [Outcome]
    /// How reliable the best candidate's probability is, over all texts.
    public let reliability: Reliability

    public init(_ outcomes: [Outcome]) {
        self.outcomes = outcomes
        var reliability = Reliability()
        for outcome in outcomes {
            reliability.add(outcome.best?.probability ?? 0, isRight: outcome.expected != nil && outcome.best?.adapter == outcome.expected)
        }
        self.reliability = reliability
    }

    private var inScope: [Outcome] { outcomes.filter { $0.expected != nil } }
    private var outOfScope: [Outcome] { outcomes.filter { $0.expected == nil } }
    public var inScopeCount: Int { inScope.count }
    public var outOfScopeCount: Int { outOfScope.count }

    /// The share of all texts that went where they should, to the base included.
    public var rightShare: Double? { Self.share(outcomes) { $0.isRight } }
    /// In scope: the best candidate is the right one, whatever its threshold. Nil without such texts, as for all of these.
    public var accuracy: Double? { Self.share(inScope) { $0.best?.adapter == $0.expected } }
    public var topThree: Double? { Self.share(inScope) { outcome in outcome.candidates.contains { $0.adapter == outcome.expected } } }
    /// In scope: answered by the right one, by a wrong one, by the base.
    public var matched: Double? { Self.share(inScope) { $0.isRight } }
    public var mismatched: Double? { Self.share(inScope) { $0.chosen != nil && !$0.isRight } }
    public var fellBack: Double? { Self.share(inScope) { $0.chosen == nil } }
    /// Out of scope: left to the base.
    public var outOfScopeFellBack: Double? { Self.share(outOfScope) { $0.chosen == nil } }

    /// Out-of-scope texts that are refused when the threshold keeps 95 % of the texts in scope; nil without both.
    public var outOfScopeRecall: Double? {
        let kept = inScope.map(\.none).sorted()
        guard !kept.isEmpty else { return nil }
        let limit = kept[min(Int((0.95 * Double(kept.count)).rounded(.down)), kept.count - 1)]
        return Self.share(outOfScope) { $0.none > limit }
    }

    /// Most frequent first, then by name.
    public var confusions: [Confusion] {
        var found: [[String?]: Confusion] = [:]
        for outcome in outcomes where !outcome.isRight {
            found[[outcome.expected, outcome.chosen], default: Confusion(
                expected: outcome.expected, chosen: outcome.chosen, count: 0, example: outcome.text)].count += 1
        }
        return found.values.sorted {
            ($1.count, $0.expected ?? "", $0.chosen ?? "") < ($0.count, $1.expected ?? "", $1.chosen ?? "")
        }
    }

    /// By name: all adapters that should answer a text or answered one.
    public var adapters: [AdapterRow] {
        var rows: [String: AdapterRow] = [:]
        var best: [String: Int] = [:]
        for outcome in outcomes {
            if let chosen = outcome.chosen { rows[chosen, default: AdapterRow(adapter: chosen)].chosen += 1 }
            guard let expected = outcome.expected else { continue }
            rows[expected, default: AdapterRow(adapter: expected)].texts += 1
            if outcome.isRight { rows[expected]?.right += 1 }
            if outcome.chosen == nil { rows[expected]?.leftToBase += 1 }
            if let candidate = outcome.best, candidate.adapter == expected {
                rows[expected]?.meanProbability += candidate.probability
                best[expected, default: 0] += 1
            }
        }
        return rows.values.map { row in
            var row = row
            row.meanProbability /= Double(max(best[row.adapter] ?? 0, 1))
            return row
        }.sorted { $0.adapter < $1.adapter }
    }

    static func share(_ outcomes: [Outcome], _ isCounted: (Outcome) -> Bool) -> Double? {
        outcomes.isEmpty ? nil : Double(outcomes.count(where: isCounted)) / Double(outcomes.count)
    }
}
