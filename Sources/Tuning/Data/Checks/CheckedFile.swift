import Tensors

/// The rows of a file that can be trained, and what was found in all of them.
struct CheckedFile {
    struct Row {
        var encoded: EncodedRow
        /// Equal for rows that ask the same.
        var prompt: ContentDigest
        /// Equal for rows of equal tokens and targets.
        var digest: ContentDigest
    }

    private(set) var rows: [Row] = []
    private(set) var report: DataReport.File

    init(_ file: DataFile, _ preparation: DataPreparation) throws(TuningError) {
        let limits = preparation.limits
        report = DataReport.File(
            path: file.path, shape: file.shape, rows: file.rows.count + file.brokenCount, unusedFields: file.unusedFields, findings: [:],
            errors: file.broken)
        if file.brokenCount > 0 {
            let lines = file.broken.compactMap(\.line)
            report.findings[.broken] = FoundRows(count: file.brokenCount, lines: lines)
        }
        var seen: Set<ContentDigest> = []
        var tokens = 0
        for row in file.rows {
            guard !row.isEmpty else {
                note(.empty, row.line, limits)
                continue
            }
            guard let encoded = try encode(row, file, preparation) else { continue }
            if let reason = reasonToDrop(encoded) {
                note(reason, row.line, limits)
                continue
            }
            tokens += encoded.example.sequences.reduce(0) { $0 + $1.tokens.count }
            guard tokens <= limits.tokens else {
                throw TuningError(.limitExceeded, "more than \(limits.tokens) tokens", file: file.path, line: row.line)
            }
            let digest = encoded.example.digest
            if encoded.isCut { note(.cut, row.line, limits) }
            if encoded.hidesAnswer { note(.hiddenAnswer, row.line, limits) }
            if encoded.spellsSpecialTokens { note(.specialTokens, row.line, limits) }
            if !seen.insert(digest).inserted { note(.duplicate, row.line, limits) }
            rows.append(Row(encoded: encoded, prompt: row.promptDigest, digest: digest))
        }
    }

    mutating func noteOverlap(with training: [Row], _ limits: DataSetLimits) {
        let trained = Set(training.map(\.prompt))
        for row in rows where trained.contains(row.prompt) { note(.overlap, row.encoded.line, limits) }
    }

    /// Nil for a row that is refused.
    private mutating func encode(
        _ row: DataRow, _ file: DataFile, _ preparation: DataPreparation
    ) throws(TuningError) -> EncodedRow? {
        do throws(TuningError) {
            return try preparation.encoder.encode(row)
        } catch {
            let error = error.inFile(file.path)
            // Holds for every row.
            if error.code == .unsupported { throw error }
            note(.refused, row.line, preparation.limits)
            if report.errors.count < preparation.limits.namedRows { report.errors.append(error) }
            return nil
        }
    }

    private func reasonToDrop(_ row: EncodedRow) -> DataFinding? {
        if !row.isTrainable { return .untrained }
        if case .preference(let chosen, let rejected) = row.example, chosen == rejected { return .equalAnswers }
        return nil
    }

    private mutating func note(_ finding: DataFinding, _ line: Int, _ limits: DataSetLimits) {
        report.findings[finding, default: FoundRows()].add(line, limit: limits.namedRows)
    }
}

extension RowEncoder {
    private static let sampleTokens = 2048

    /// A sequence's text with its targets between `⟦` and `⟧`; a long one without its end.
    func marked(_ sequence: TrainingSequence) -> String {
        var bytes: [UInt8] = []
        var isInside = false
        for (token, isTarget) in zip(sequence.tokens, sequence.isTarget).prefix(Self.sampleTokens) {
            if isTarget != isInside { bytes += (isTarget ? "⟦" : "⟧").utf8 }
            isInside = isTarget
            bytes += tokenizer.bytes(of: token)
        }
        if isInside { bytes += "⟧".utf8 }
        return String(decoding: bytes, as: UTF8.self) + (sequence.tokens.count > Self.sampleTokens ? " …" : "")
    }
}
