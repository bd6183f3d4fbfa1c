import Evaluation
import Foundation
import Tuning

/// The result of `lmoe eval`: the figures of all candidates, and what they rest on.
struct ScoreResult {
    /// One measure of all candidates, the base first.
    struct Row {
        let measure: Measure
        /// Nil: the candidate was not measured.
        let scores: [MeasuredScore?]
        /// By candidate.
        let items: [ItemScores]
    }

    let file: String
    let base: String
    /// `base`, and the adapters' names.
    let names: [String]
    /// Of the adapters' files; nil of the base.
    let versions: [String?]
    let set: EvaluationSet
    let rows: [Row]
    /// By candidate and row; see `RawScores`.
    let answers: [[String?]]
    let maxTokens: Int?
    let likelihoods: LikelihoodPath?
    let seed: UInt64
    let notes: [String]

    /// - Parameter broken: rows that cannot be read, or that a template refuses.
    init(_ raw: RawScores, _ encoded: EncodedCandidates, file: DataFile, base: String, seed: UInt64, broken: Int) {
        self.file = file.path
        self.base = base
        self.seed = seed
        set = encoded.set
        names = encoded.list.map(\.name)
        versions = encoded.list.map(\.adapter?.version)
        (answers, maxTokens, likelihoods) = (raw.answers, raw.maxTokens, raw.likelihoods)
        let bootstrap = Bootstrap(seed: seed)
        rows = Measure.allCases.compactMap { measure in
            guard let items = raw.measures[measure], items.contains(where: { $0.count > 0 }) else { return nil }
            let scores = bootstrap.scores(items, areShares: measure.isShare) { measure == .perplexity ? exp($0) : $0 }
            return Row(measure: measure, scores: scores, items: items)
        }
        var notes = raw.notes
        if broken > 0 { notes.append("\(broken) rows cannot be read or are refused by the chat template; they were left out") }
        if set.unusable > 0 { notes.append("\(set.unusable) rows have no answer to compare with, or one that is marked as undesirable; they were left out") }
        self.notes = notes
    }

    /// By which answers are put in order: the first of these that was measured.
    var leading: Row? {
        let order: [Measure] = [.sql, .number, .normalisedAccuracy, .rougeL, .f1, .squadExact, .exact, .loss]
        return order.lazy.compactMap { measure in rows.first { $0.measure == measure } }.first
    }
}

/// The rows at which one should look: where a candidate is worst and where it is best.
struct LookedAt {
    let worst: [Int]
    let best: [Int]

    /// By the leading measure; of equal rows, those count as worse where the base is better, then those with the higher loss.
    init(_ result: ScoreResult, candidate: Int, count: Int) {
        guard let leading = result.leading else {
            (worst, best) = ([], [])
            return
        }
        let sign = leading.measure.isLowerBetter ? -1.0 : 1
        let loss = result.rows.first { $0.measure == .loss }
        let keys = result.set.items.indices.compactMap { item -> (key: (Double, Double, Double), item: Int)? in
            guard let own = leading.items[candidate][item] else { return nil }
            let base = leading.items[0][item] ?? own
            return ((sign * own, sign * (own - base), -(loss?.items[candidate][item] ?? 0)), item)
        }
        let sorted = keys.sorted { $0.key != $1.key ? $0.key < $1.key : $0.item < $1.item }.map(\.item)
        let shown = min(count, sorted.count / 2)
        worst = sorted.count == 1 && count > 0 ? sorted : Array(sorted.prefix(shown))
        best = Array(sorted.suffix(shown).reversed())
    }
}
