import JSON

/// The answers of a row that are compared by their probabilities.
public struct EncodedChoices: Sendable, Equatable {
    /// Each after the same prompt. The token that ends an answer is no target, as in lm-evaluation-harness.
    public var sequences: [TrainingSequence]
    public var texts: [String]
    /// Of the right one.
    public var answer: Int
}

extension RowEncoder {
    /// The choices of a multiple-choice row; of a preference, both answers, of which the chosen one is right. Nil of other rows.
    /// Errors: as `encode`.
    public func choices(of row: DataRow) throws(TuningError) -> EncodedChoices? {
        do throws(TuningError) {
            switch row.content {
            case .choice(let prompt, let choices, let answer):
                let sequences = try choices.map { (text) throws(TuningError) in
                    cut(try choice(text, prompt, row.tools, targets: .answers).sequence)
                }
                return EncodedChoices(sequences: sequences, texts: choices, answer: answer)
            case .preference(let prompt, let chosen, let rejected):
                let sequences = try [chosen, rejected].map { (text) throws(TuningError) in
                    cut(try pair(prompt, text, row.tools, targets: .answers).sequence)
                }
                return EncodedChoices(sequences: sequences, texts: [Self.text(chosen), Self.text(rejected)], answer: 0)
            default: return nil
            }
        } catch {
            var error = error
            error.line = row.line
            throw error
        }
    }

    /// Plain text gets a space between prompt and choice where neither brings one: lm-evaluation-harness's `target_delimiter`.
    func choice(
        _ text: String, _ prompt: RowText, _ tools: [JSONValue], targets: EncodingOptions.Targets
    ) throws(TuningError) -> EncodedText {
        guard case .text(let before) = prompt, template == nil || !options.wrapsText else {
            return try pair(prompt, .text(text), tools, targets: targets)
        }
        let isApart = before.last?.isWhitespace == true || text.first?.isWhitespace == true
        return try pair(prompt, .text(isApart ? text : " \(text)"), tools, targets: targets)
    }

    private func cut(_ sequence: TrainingSequence) -> TrainingSequence {
        var sequence = sequence
        if let last = sequence.isTarget.lastIndex(of: true), tokenizer.endOfSequence.contains(sequence.tokens[last]) {
            sequence.isTarget[last] = false
        }
        let count = min((sequence.isTarget.lastIndex(of: true) ?? -1) + 1, options.maximumTokens)
        return TrainingSequence(tokens: Array(sequence.tokens.prefix(count)), isTarget: Array(sequence.isTarget.prefix(count)))
    }

    private static func text(_ answer: RowText) -> String {
        switch answer {
        case .text(let text), .verbatim(let text): text
        case .turns(let turns): turns.last(where: \.isAssistant)?.message.content ?? ""
        }
    }
}
