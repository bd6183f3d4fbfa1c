import Evaluation

/// What a run measured, row by row.
struct RawScores {
    /// Of each measure, by candidate.
    private(set) var measures: [Measure: [ItemScores]]
    /// By candidate and row: the generated answer, or else the text of the choice that was the most probable one; nil: none.
    var answers: [[String?]]
    /// Most tokens of an answer; nil: nothing was generated.
    var maxTokens: Int?
    /// Whose log-probabilities loss and choices rest on; nil: they were not asked for.
    var likelihoods: LikelihoodPath?
    /// What a person should know of the figures.
    var notes: [String] = []

    init(_ metrics: [Metric], candidates: Int, items: Int) {
        let empty = [ItemScores](repeating: ItemScores(count: items), count: candidates)
        measures = Dictionary(uniqueKeysWithValues: metrics.flatMap(\.measures).map { ($0, empty) })
        answers = [[String?]](repeating: [String?](repeating: nil, count: items), count: candidates)
    }

    /// Nothing happens for a measure that was not asked for.
    mutating func set(_ measure: Measure, candidate: Int, item: Int, _ sum: Double, weight: Double = 1) {
        measures[measure]?[candidate].set(item, sum, weight: weight)
    }
}

/// Two ways to the log-probabilities of given tokens.
enum LikelihoodPath: String {
    /// The training step's: what `lmoe tune` reports as held-out loss.
    case tuning
    /// The serving step's, for adapters that tuning cannot read.
    case serving
}
