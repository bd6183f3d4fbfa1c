/// Which of several answers is the most probable one, as lm-evaluation-harness counts it.
public struct ChoiceScore: Sendable, Equatable {
    /// `acc`: the right answer has the greatest log-likelihood.
    public var isRight: Bool
    /// `acc_norm`: it has the greatest one divided by the characters of its text.
    public var isRightByLength: Bool
    /// The choice of the greatest log-likelihood.
    public var chosen: Int

    /// Of equal ones the first counts, as with NumPy's `argmax`.
    ///
    /// - Parameters:
    ///   - logLikelihoods: of each choice, summed over its tokens.
    ///   - answer: the right one.
    public init(logLikelihoods: [Double], texts: [String], answer: Int) {
        precondition(logLikelihoods.count == texts.count && texts.indices.contains(answer), "choices without likelihoods")
        chosen = Self.greatest(logLikelihoods)
        isRight = chosen == answer
        let byLength = zip(logLikelihoods, texts).map { $0 / Double(max($1.unicodeScalars.count, 1)) }
        isRightByLength = Self.greatest(byLength) == answer
    }

    private static func greatest(_ values: [Double]) -> Int {
        var best = 0
        for index in values.indices where values[index] > values[best] { best = index }
        return best
    }
}
