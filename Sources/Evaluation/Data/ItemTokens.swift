public import Tuning

/// A row as tokens, under the chat template of one candidate.
public struct ItemTokens: Sendable, Equatable {
    /// What a client would send: everything before the last answer.
    public var prompt: [Int32]
    /// Tokens of the last answer, its end too.
    public var answerTokens: Int
    /// For the loss: of a preference, the chosen answer. Nil where the context holds none of the answer.
    public var answers: TrainingSequence?
    public var choices: EncodedChoices?

    /// Tokens of all sequences: 5 bytes of memory each.
    public var count: Int { prompt.count + (answers?.tokens.count ?? 0) + (choices?.sequences.reduce(0) { $0 + $1.tokens.count } ?? 0) }

    /// Errors: those of the encoder.
    public init(_ row: DataRow, _ encoder: RowEncoder) throws(TuningError) {
        let sequence = try encoder.encode(row).example.sequences[0]
        let last = sequence.lastTargets
        prompt = Array(sequence.tokens[..<last.lowerBound])
        answerTokens = last.count
        answers = sequence.targetCount > 0 ? sequence : nil
        choices = try encoder.choices(of: row)
        // Choices whose ends the context cannot hold are not compared.
        if let found = choices, found.sequences.contains(where: { $0.targetCount == 0 }) { choices = nil }
    }
}

extension TrainingSequence {
    /// Where its last run of targets lies; at its end without any.
    var lastTargets: Range<Int> {
        guard let last = isTarget.lastIndex(of: true) else { return tokens.count..<tokens.count }
        let before = isTarget[..<last].lastIndex(of: false)
        return (before.map { $0 + 1 } ?? 0)..<(last + 1)
    }
}
