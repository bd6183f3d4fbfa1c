/// Cuts a text into the words that are merged each for itself: digits first, where the family does so, then a pattern.
struct PreTokenizer: Sendable, Equatable {
    enum Digits: Sendable { case individual, runs }

    var digits: Digits?
    /// Nil leaves the text whole.
    var pattern: WordPattern?

    static let gpt2 = PreTokenizer(digits: nil, pattern: .gpt2)
    static let smollm = PreTokenizer(digits: .individual, pattern: .gpt2)
    static let llama3 = PreTokenizer(digits: nil, pattern: .llama3)
    static let qwen2 = PreTokenizer(digits: nil, pattern: .qwen2)
    static let gpt4o = PreTokenizer(digits: nil, pattern: .gpt4o)
    static let tekken = PreTokenizer(digits: nil, pattern: .tekken)

    /// By the names of GGUF's `tokenizer.ggml.pre`.
    static let named: [String: PreTokenizer] = [
        "gpt-2": gpt2, "gpt2": gpt2, "smollm": smollm, "refact": smollm, "starcoder": smollm, "llama3": llama3, "llama-v3": llama3,
        "llama-bpe": llama3, "smaug-bpe": llama3, "dbrx": llama3, "qwen2": qwen2,
        "gpt-4o": gpt4o, "llama4": gpt4o, "tekken": tekken,
    ]
    /// Those whose whole words are tokens where the vocabulary has them, whatever the merges.
    static let ignoringMerges: Set<String> = ["llama3", "llama-v3", "llama-bpe", "tekken"]

    /// Calls `body` with each word, in order; together they are the whole range.
    @inline(__always)
    func forEachWord(_ range: Range<Int>, in text: UTF8Text, _ body: (Range<Int>) -> Void) {
        var start = range.lowerBound
        while start < range.upperBound {
            let limit = digits.map { partEnd(from: start, limit: range.upperBound, in: text, $0) } ?? range.upperBound
            while start < limit {
                let end = pattern?.end(from: start, limit: limit, in: text) ?? limit
                body(start..<end)
                start = end
            }
        }
    }

    /// The end of a digit, of a run of digits, or of a run without digits.
    private func partEnd(from start: Int, limit: Int, in text: UTF8Text, _ digits: Digits) -> Int {
        let (flags, length) = text.flags(at: start)
        var end = start + length
        let isNumeric = flags.contains(.numeric)
        if isNumeric && digits == .individual { return end }
        while end < limit {
            let next = text.flags(at: end)
            guard next.flags.contains(.numeric) == isNumeric else { break }
            end += next.length
        }
        return end
    }
}
