import Tensors

/// What a run trains and measures on.
public struct PreparedData: Sendable, Equatable {
    public var training: ExampleSet
    /// Empty where nothing is held out.
    public var heldOut: ExampleSet
    public var report: DataReport
}

/// From the rows of files to the examples of a run: encodes, checks and divides them.
public struct DataPreparation: Sendable {
    public var encoder: RowEncoder
    public var limits: DataSetLimits
    /// Drawn from the training file where no file of held-out rows is given.
    public var heldOut: HeldOutSize
    public var seed: UInt64
    /// Goes on without rows that are broken or refused. When false they are an error.
    public var skipsBrokenRows: Bool

    public init(
        encoder: RowEncoder, limits: DataSetLimits = DataSetLimits(), heldOut: HeldOutSize = .fraction(0.05), seed: UInt64 = 0,
        skipsBrokenRows: Bool = false
    ) {
        self.encoder = encoder
        self.limits = limits
        self.heldOut = heldOut
        self.seed = seed
        self.skipsBrokenRows = skipsBrokenRows
    }

    /// Errors: `nothingToTrain`, `limitExceeded` for too many tokens, `unsupported` for conversations where the base has no template,
    /// `invalidSetting` for held-out rows of another kind or too many of them, and that of a broken row.
    /// Cost: renders and encodes each row, on the caller's thread.
    public func prepare(_ file: DataFile, heldOut heldOutFile: DataFile? = nil) throws(TuningError) -> PreparedData {
        var checked = try CheckedFile(file, self)
        var other = try heldOutFile.map { (file) throws(TuningError) in try CheckedFile(file, self) }
        let isHeldOut: [Bool]
        if other == nil { isHeldOut = try draw(&checked) } else { isHeldOut = checked.rows.map { _ in false } }
        var training: [CheckedFile.Row] = []
        var held: [CheckedFile.Row] = other?.rows ?? []
        for (row, isHeldOut) in zip(checked.rows, isHeldOut) { if isHeldOut { held.append(row) } else { training.append(row) } }
        other?.noteOverlap(with: training, limits)
        let report = DataReport(
            files: [checked.report] + (other.map { [$0.report] } ?? []), training: Self.summary(training), heldOut: Self.summary(held),
            sample: training.first.map { row in row.encoded.example.sequences.map(encoder.marked) } ?? [])
        if !skipsBrokenRows { try report.requireWhole() }
        guard let first = training.first else {
            throw TuningError(.nothingToTrain, "no row is left to train on\(Self.reasons(checked.report))", file: file.path)
        }
        let kind = first.encoded.example.kind
        if let wrong = held.first(where: { $0.encoded.example.kind != kind }) {
            throw TuningError(
                .invalidSetting,
                "expected held-out rows as those that are trained (\(kind.text)), found \(wrong.encoded.example.kind.text)",
                file: heldOutFile?.path, line: wrong.encoded.line)
        }
        return PreparedData(training: ExampleSet(training), heldOut: ExampleSet(held), report: report)
    }

    private func draw(_ file: inout CheckedFile) throws(TuningError) -> [Bool] {
        let count = try heldOut.rows(of: file.rows.count)
        if let drawn = HeldOutSplit.draw(file.rows.map(\.prompt), count: count, seed: seed) { return drawn }
        // One prompt for all: at least no row is in both sets.
        if let drawn = HeldOutSplit.draw(file.rows.map(\.digest), count: count, seed: seed) { return drawn }
        return file.rows.map { _ in false }
    }

    private static func summary(_ rows: [CheckedFile.Row]) -> DataReport.Summary {
        DataReport.Summary(rows.map(\.encoded.example), lengths: rows.map(\.encoded.fullTokens))
    }

    private static func reasons(_ file: DataReport.File) -> String {
        let reasons = DataFinding.allCases.compactMap { finding in
            file.findings[finding].flatMap { finding.isDropped ? "\(finding.text) (\($0.count))" : nil }
        }
        return reasons.isEmpty ? "" : ": \(reasons.joined(separator: ", "))"
    }
}

extension ExampleSet {
    fileprivate init(_ rows: [CheckedFile.Row]) {
        examples = rows.map(\.encoded.example)
        lines = rows.map(\.encoded.line)
    }
}
