public import Tuning

/// One row to be scored.
public struct EvaluationItem: Sendable, Equatable {
    public var row: DataRow
    /// What a person reads as the question; may be empty.
    public var question: String
    /// What a generated answer is compared with; nil: nothing is generated for it.
    public var expected: String?

    public var line: Int { row.line }
}

/// The rows of a file that are scored.
public struct EvaluationSet: Sendable {
    public var items: [EvaluationItem]
    public let shape: RowShape
    /// Rows of the file, those too that cannot be scored.
    public let fileRows: Int
    /// Rows without an answer to compare with: empty ones, and answers that are marked as undesirable.
    public let unusable: Int

    /// - Parameters:
    ///   - limit: scores so many rows, drawn by the seed, in the order of the file; nil: all.
    /// Errors: `nothingToScore`.
    public init(_ file: DataFile, limit: Int? = nil, seed: UInt64 = 0) throws(EvaluationError) {
        var items: [EvaluationItem] = []
        for row in file.rows where !row.isEmpty {
            if case .labelled(_, _, isDesirable: false) = row.content { continue }
            let exchange = row.lastExchange
            items.append(EvaluationItem(row: row, question: exchange?.question ?? "", expected: exchange?.answer))
        }
        guard !items.isEmpty else {
            throw EvaluationError(.nothingToScore, "no row has an answer to score against", place: file.path)
        }
        (shape, fileRows, unusable) = (file.shape, file.rows.count + file.brokenCount, file.rows.count - items.count)
        if let limit, limit < items.count {
            var permutation = Permutation(seed: seed, stream: 0x4556_414C)
            items = permutation.order(items.count).prefix(limit).sorted().map { items[$0] }
        }
        self.items = items
    }

    /// What such rows are usually scored by: `loss`, and by their shape and answers
    ///
    /// - `choice` for multiple choice and preferences,
    /// - `sql` and `exact` with a database,
    /// - `number` where nine of ten answers say their number (`#### 42`) or are one,
    /// - `exact`, `f1` and `rouge-l` else.
    public func standardMetrics(hasDatabase: Bool) -> [Metric] {
        let answers = items.compactMap(\.expected)
        if shape == .choice || shape == .preference || shape == .preferredOutput { return [.loss, .choice] }
        if answers.isEmpty { return [.loss] }
        if hasDatabase { return [.loss, .sql, .exact] }
        if answers.count(where: AnswerNumber.isMarked) * 10 >= answers.count * 9 { return [.loss, .number] }
        return [.loss, .exact, .f1, .rougeL]
    }

    /// Throws `invalidSetting` for a metric that no row can be scored by.
    public func check(_ metrics: [Metric], hasDatabase: Bool) throws(EvaluationError) {
        func refused(_ message: String) -> EvaluationError { EvaluationError(.invalidSetting, message, place: "--metrics") }
        for metric in metrics {
            switch metric {
            case .loss: continue
            case .choice:
                guard shape == .choice || shape == .preference || shape == .preferredOutput else {
                    throw refused("choice needs rows with `prompt`, `choices` and `answer`, or with `chosen` and `rejected`")
                }
            case .sql where !hasDatabase: throw refused("sql needs --sql-database FILE")
            case .number:
                guard items.contains(where: { $0.expected.map { AnswerNumber(in: $0) != nil } ?? false }) else {
                    throw refused("number needs answers with numbers")
                }
            default:
                guard items.contains(where: { $0.expected != nil }) else {
                    throw refused("\(metric.rawValue) needs rows with answers; these are plain texts")
                }
            }
        }
    }
}
