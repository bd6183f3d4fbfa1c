/// A threshold that would have been better for an adapter than its own.
public struct ThresholdAdvice: Sendable, Equatable {
    public var adapter: String
    public var current: Double
    public var better: Double
    /// Texts for which it was the best candidate, and for these the right answers minus the wrong ones, before and after.
    public var texts: Int
    public var before: Int
    public var after: Int

    /// With fewer texts there is no advice.
    private static let fewestTexts = 20

    /// The greatest probability, in the sign test, that the better threshold is better by chance.
    private static let chance = 0.05

    /// A right answer counts 1, a wrong one -1, the base's 0: a wrong adapter is worse than none. There is advice only for a gain of at
    /// least three and a fiftieth of the texts, since the same texts chose the threshold, and only where a sign test supports it: of the
    /// texts that would be answered differently, five better and none worse, or seven and one.
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
        // On a grid that is easy to read.
        let thresholds = stride(from: 5, through: 95, by: 5).map { Double($0) / 100 }
        let before = worth(current)
        guard let best = thresholds.max(by: { (worth($0), -abs($0 - current)) < (worth($1), -abs($1 - current)) }) else { return nil }
        let after = worth(best)
        let changed = own.filter { ($0.probability < best) != ($0.probability < current) }
        let gained = changed.count { $0.isRight == (best < current) }
        guard after - before >= max(3, own.count / 50), coin(heads: gained, of: changed.count) <= chance else { return nil }
        return ThresholdAdvice(adapter: adapter, current: current, better: best, texts: own.count, before: before, after: after)
    }

    /// The probability of `heads` or more of so many throws of a coin.
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
