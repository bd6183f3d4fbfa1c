/// The code in an answer.
public enum AnswerCode {
    private static let fence = "```"

    /// What stands in the first block between fences (```` ``` ````), without the language's name, or else the whole answer, without white
    /// space at its ends. A block that does not end goes to the end of the answer.
    public static func first(in answer: String) -> String {
        let lines = answer.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        func isFence(_ line: Substring) -> Bool { AnswerScore.trimmed(String(line)).hasPrefix(fence) }
        guard let start = lines.firstIndex(where: isFence) else { return AnswerScore.trimmed(answer) }
        let rest = lines[(start + 1)...]
        return AnswerScore.trimmed(rest[..<(rest.firstIndex(where: isFence) ?? rest.endIndex)].joined(separator: "\n"))
    }
}
