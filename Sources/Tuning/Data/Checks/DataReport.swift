/// What was found in the data before the first step, for a person to read.
public struct DataReport: Sendable, Equatable {
    /// Findings in one file.
    public struct File: Sendable, Equatable {
        public var path: String
        public var shape: RowShape
        /// All rows, the broken ones too.
        public var rows: Int
        public var unusedFields: [String]
        public var findings: [DataFinding: FoundRows]
        /// Why rows are broken or refused; the first of them.
        public var errors: [TuningError]
    }

    /// The examples of one set.
    public struct Summary: Sendable, Equatable {
        public var examples = 0
        public var tokens = 0
        /// Tokens that the loss counts.
        public var targets = 0
        /// Tokens of an example's longest sequence before the cut: half of the examples, 95 % of them and all have at most so many.
        public var medianTokens = 0
        public var tokens95 = 0
        public var longestTokens = 0

        /// From 0 to 1.
        public var targetShare: Double { tokens > 0 ? Double(targets) / Double(tokens) : 0 }
    }

    public var files: [File]
    public var training: Summary
    public var heldOut: Summary
    /// The sequences of the first example, with targets between `⟦` and `⟧`.
    public var sample: [String]

    /// Errors: that of the first row that is broken or refused, with the number of the others.
    public func requireWhole() throws(TuningError) {
        let count = files.reduce(0) { sum, file in
            sum + [.broken, .refused].reduce(0) { $0 + (file.findings[$1]?.count ?? 0) }
        }
        guard var error = files.lazy.flatMap(\.errors).first else { return }
        if count > 1 { error.message += " (\(count) rows are broken or refused in all)" }
        throw error
    }
}

extension DataReport.Summary {
    /// - Parameter lengths: of each example's longest sequence before the cut.
    init(_ examples: [TrainingExample], lengths: [Int]) {
        self.examples = examples.count
        for sequence in examples.lazy.flatMap(\.sequences) {
            tokens += sequence.tokens.count
            targets += sequence.targetCount
        }
        let sorted = lengths.sorted()
        guard let longest = sorted.last else { return }
        longestTokens = longest
        // Nearest rank.
        medianTokens = sorted[(sorted.count + 1) / 2 - 1]
        tokens95 = sorted[(sorted.count * 95 + 99) / 100 - 1]
    }
}
