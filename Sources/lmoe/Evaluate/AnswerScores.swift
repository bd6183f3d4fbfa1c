import Evaluation

/// Judges generated answers by the metrics that compare them with the expected ones.
struct AnswerScores {
    let encoded: EncodedCandidates
    let metrics: [Metric]
    let judge: QueryJudge?
    /// Rows whose expected query does not run, with the reason.
    private var unknown: [(line: Int, reason: String)] = []
    private var withoutNumber: Set<Int> = []

    init(encoded: EncodedCandidates, metrics: [Metric], judge: QueryJudge?) {
        (self.encoded, self.metrics, self.judge) = (encoded, metrics, judge)
    }

    mutating func add(_ answer: String, candidate: Int, item: Int, into scores: inout RawScores) {
        let row = encoded.set.items[item]
        guard let expected = row.expected else { return }
        for metric in metrics {
            switch metric {
            case .loss, .choice: continue
            case .exact: scores.set(.exact, candidate: candidate, item: item, AnswerScore.exact(answer, expected))
            case .squadExact: scores.set(.squadExact, candidate: candidate, item: item, AnswerScore.squadExact(answer, expected))
            case .f1: scores.set(.f1, candidate: candidate, item: item, AnswerScore.f1(answer, expected))
            case .rougeL: scores.set(.rougeL, candidate: candidate, item: item, AnswerScore.rougeL(answer, expected))
            case .number:
                guard let wanted = AnswerNumber(in: expected) else {
                    withoutNumber.insert(row.line)
                    continue
                }
                scores.set(.number, candidate: candidate, item: item, AnswerNumber(in: answer) == wanted ? 1 : 0)
            case .sql:
                switch judge?.judge(answer, expected: expected) {
                case .same: scores.set(.sql, candidate: candidate, item: item, 1)
                case .different, .failed: scores.set(.sql, candidate: candidate, item: item, 0)
                case .unknown(let reason): if unknown.last?.line != row.line { unknown.append((row.line, reason)) }
                case nil: continue
                }
            }
        }
    }

    var notes: [String] {
        var notes: [String] = []
        if let first = unknown.first {
            notes.append(
                "\(unknown.count) expected queries do not run on the database; their rows have no score by sql (line \(first.line): \(first.reason))")
        }
        if let first = withoutNumber.min() {
            notes.append("\(withoutNumber.count) expected answers have no number; their rows have no score by number (line \(first))")
        }
        return notes
    }
}
