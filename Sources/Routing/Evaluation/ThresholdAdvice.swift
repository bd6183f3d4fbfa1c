/// A threshold that would have served an adapter better than the one it has.
public struct ThresholdAdvice: Sendable, Equatable {
    public var adapter: String
    public var current: Double
    public var better: Double
    /// Texts for which it was the best candidate, and of these right answers less wrong ones, before and after.
    public var texts: Int
    public var before: Int
    public var after: Int

    /// Fewer texts say nothing.
    private static let fewestTexts = 20

    /// How likely a coin may be to do as well as the better threshold.
    private static let chance = 0.05

    /// A right answer counts one, a wrong one minus one, the base's nothing: a wrong adapter is worse than none. Only what gains
    /// at least three and a fiftieth of the texts is worth advice, since the same texts chose it, and only what a sign test bears out:
    /// of the texts that would be answered differently, five for and none against, or seven and one.
    static func advice(_ adapter: String, _ outcomes: [RouteEvaluation.Outcome]) -> ThresholdAdvice? {
        let own = outcomes.compactMap { outcome -> (probability: Double, isRight: Bool)? in
            guard let best = outcome.best, best.adapter == adapter else { return nil }
            return (best.probability, outcome.expected == adapter)
        }.sorted { $0.probability > $1.probability }
        guard own.count >= fewestTexts, let current = outcomes.lazy.compactMap(\.best).first(where: { $0.adapter == adapter })?.threshold
        else { return nil }
        func worth(_ threshold: Double) -> Int {
            own.reduce(0) { $0 + ($1.probability < threshold ? 0 : $1.isRight ? 1 : -1) }
        }
        // Between neighbours, on a grid that people can read.
        let thresholds = stride(from: 5, through: 95, by: 5).map { Double($0) / 100 }
        let before = worth(current)
        guard let best = thresholds.max(by: { (worth($0), -abs($0 - current)) < (worth($1), -abs($1 - current)) }) else { return nil }
        let after = worth(best)
        let changed = own.filter { ($0.probability < best) != ($0.probability < current) }
        let gained = changed.count { $0.isRight == (best < current) }
        guard after - before >= max(3, own.count / 50), coin(heads: gained, of: changed.count) <= chance else { return nil }
        return ThresholdAdvice(adapter: adapter, current: current, better: best, texts: own.count, before: before, after: after)
    }

    /// How likely `heads` and more are of so many throws.
    static func coin(heads: Int, of throwCount: Int) -> Double {
        var (term, tail) = (1.0, 0.0)
        // From all heads down: choose(n, k) is choose(n, k + 1) * (k + 1) / (n - k).
        for count in stride(from: throwCount, through: heads, by: -1) {
            if count < throwCount { term *= Double(count + 1) / Double(throwCount - count) }
            tail += term
        }
        return tail / Double(sign: .plus, exponent: throwCount, significand: 1)
    }
}

extension RouteEvaluation {
    public var advice: [ThresholdAdvice] { adapters.compactMap { ThresholdAdvice.advice($0.adapter, outcomes) } }
}
