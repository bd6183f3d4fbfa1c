/// How near an answer is to the expected one, from 0 to 1.
public enum AnswerScore {
    /// 1 where both are equal, but for white space at their ends.
    public static func exact(_ answer: String, _ expected: String) -> Double { trimmed(answer) == trimmed(expected) ? 1 : 0 }

    /// SQuAD's exact match: 1 where both are equal after its normalisation.
    public static func squadExact(_ answer: String, _ expected: String) -> Double {
        AnswerWords.squad(answer) == AnswerWords.squad(expected) ? 1 : 0
    }

    /// SQuAD 2.0's F1 of the words that both have, each as often as in the one that has it less often. Two answers without words are equal.
    public static func f1(_ answer: String, _ expected: String) -> Double {
        let (found, wanted) = (AnswerWords.squad(answer), AnswerWords.squad(expected))
        if found.isEmpty || wanted.isEmpty { return found == wanted ? 1 : 0 }
        var counts: [String: Int] = [:]
        for word in wanted { counts[word, default: 0] += 1 }
        var common = 0
        for word in found {
            guard let count = counts[word], count > 0 else { continue }
            counts[word] = count - 1
            common += 1
        }
        return fMeasure(common, found.count, wanted.count)
    }

    /// rouge_score's `rougeL` F-measure: of the longest common subsequence of words. `O(words * words)`.
    public static func rougeL(_ answer: String, _ expected: String) -> Double {
        let (found, wanted) = (AnswerWords.rouge(answer), AnswerWords.rouge(expected))
        guard !found.isEmpty, !wanted.isEmpty else { return 0 }
        return fMeasure(longestCommonSubsequence(found, wanted), found.count, wanted.count)
    }

    private static func fMeasure(_ common: Int, _ found: Int, _ wanted: Int) -> Double {
        if common == 0 { return 0 }
        let (precision, recall) = (Double(common) / Double(found), Double(common) / Double(wanted))
        return 2 * precision * recall / (precision + recall)
    }

    static func longestCommonSubsequence(_ one: [String], _ other: [String]) -> Int {
        // Numbers compare faster than strings.
        var numbers: [String: Int] = [:]
        func number(_ word: String) -> Int {
            if let known = numbers[word] { return known }
            numbers[word] = numbers.count
            return numbers.count - 1
        }
        let (left, right) = (one.map(number), other.map(number))
        var row = [Int](repeating: 0, count: right.count + 1)
        for word in left {
            var diagonal = 0
            for (column, candidate) in right.enumerated() {
                let above = row[column + 1]
                row[column + 1] = word == candidate ? diagonal + 1 : max(above, row[column])
                diagonal = above
            }
        }
        return row[right.count]
    }

    static func trimmed(_ text: String) -> String {
        let scalars = text.unicodeScalars
        guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
            let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
        else { return "" }
        return String(scalars[first...last])
    }
}
