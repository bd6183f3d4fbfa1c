/// What a model writes around its thinking.
struct ThinkingMarks: Sendable, Equatable {
    var open: String
    var close: String

    private static let known = [
        ThinkingMarks(open: "<think>", close: "</think>"), ThinkingMarks(open: "[THINK]", close: "[/THINK]"),
        ThinkingMarks(open: "<seed:think>", close: "</seed:think>"), ThinkingMarks(open: "<thought>", close: "</thought>"),
        ThinkingMarks(open: "<|START_THINKING|>", close: "<|END_THINKING|>"),
    ]

    /// Those that a template writes or looks for; nil: its model does not think.
    static func of(template source: String) -> ThinkingMarks? {
        known.first { source.contains($0.close) || source.contains($0.open) }
    }

    /// The text ends inside the thinking: its last mark opens it.
    func isOpen(atEndOf text: Substring) -> Bool {
        guard let start = text.ranges(of: open).last?.lowerBound else { return false }
        return !text[start...].contains(close)
    }

    /// A prompt ends with the mark that opens the thinking, maybe with white space after it.
    func isOpened(by prompt: String) -> Bool {
        var end = prompt.endIndex
        while end > prompt.startIndex, prompt[prompt.index(before: end)].isWhitespace { end = prompt.index(before: end) }
        return prompt[..<end].hasSuffix(open)
    }
}
