/// Predicts the next tokens of a sequence: those that followed the last occurrence of its last tokens (prompt lookup decoding).
///
/// Cost: one comparison for each of the last `window` tokens; nothing is allocated.
struct PromptLookup {
    /// Where the continuation begins.
    var start: Int
    /// Tokens before it that match the sequence's end; at most `longestMatch`.
    var length: Int

    static let shortestMatch = 2
    static let longestMatch = 8
    static let window = 4096

    /// The longest match, the latest of equal ones; nil when the last two tokens occur nowhere before.
    init?(_ tokens: [Int32]) {
        let best = tokens.withUnsafeBufferPointer { Self.find($0) }
        guard best.length >= Self.shortestMatch else { return nil }
        (start, length) = best
    }

    private static func find(_ tokens: UnsafeBufferPointer<Int32>) -> (start: Int, length: Int) {
        let last = tokens.count - 1
        var best = (start: 0, length: 0)
        guard last >= shortestMatch else { return best }
        let (first, second) = (tokens[last], tokens[last - 1])
        var end = last - 1
        let stop = max(1, last - window)
        while end >= stop {
            if tokens[end] == first, tokens[end - 1] == second {
                var length = 2
                while length < longestMatch, length <= end, tokens[end - length] == tokens[last - length] { length += 1 }
                if length > best.length { best = (end + 1, length) }
                if length == longestMatch { break }
            }
            end -= 1
        }
        return best
    }

    /// The token `offset` places into the continuation. A continuation that reaches the sequence's end repeats itself.
    func token(_ offset: Int, in tokens: [Int32]) -> Int32 {
        let period = tokens.count - start
        return tokens[start + offset % period]
    }
}
