/// What the checks before the first step find in rows.
public enum DataFinding: String, Sendable, CaseIterable {
    /// Not JSON, or fields that are missing or wrong.
    case broken
    /// The chat template does not take the conversation, or writes its prompt in two ways.
    case refused
    /// No answer, or white space only.
    case empty
    /// No token is learnt: the answer lies behind the maximum of tokens, or has weight 0.
    case untrained
    /// A pair whose answers are equal.
    case equalAnswers
    /// Longer than the maximum of tokens.
    case cut
    /// The same tokens and targets as an earlier row.
    case duplicate
    /// The chat template leaves out some of an answer.
    case hiddenAnswer
    /// Messages that spell special tokens, which are read as such.
    case specialTokens
    /// A held-out row whose prompt is also trained on.
    case overlap

    /// Such a row is not used.
    public var isDropped: Bool {
        switch self {
        case .broken, .refused, .empty, .untrained, .equalAnswers: true
        case .cut, .duplicate, .hiddenAnswer, .specialTokens, .overlap: false
        }
    }

    /// Which rows; for a person.
    public var text: String {
        switch self {
        case .broken: "rows that cannot be read"
        case .refused: "rows that the chat template refuses"
        case .empty: "rows without an answer"
        case .untrained: "rows without a token that is trained"
        case .equalAnswers: "pairs of equal answers"
        case .cut: "rows that are cut at the maximum of tokens"
        case .duplicate: "rows that repeat an earlier one"
        case .hiddenAnswer: "rows with an answer of which the chat template leaves out some"
        case .specialTokens: "rows whose messages spell special tokens"
        case .overlap: "rows whose prompt is also trained on"
        }
    }
}

/// Rows of one finding.
public struct FoundRows: Sendable, Equatable {
    public var count = 0
    /// The first of them.
    public var lines: [Int] = []

    mutating func add(_ line: Int?, limit: Int) {
        count += 1
        if let line, lines.count < limit { lines.append(line) }
    }
}
