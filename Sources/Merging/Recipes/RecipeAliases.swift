/// Finds keys of YAML that may be aliases or contain some, before the text is parsed.
enum RecipeAliases {
    /// The line of the first such key, in a text with aliases; nil for all other texts. Cost: O(text).
    ///
    /// It reads characters, not YAML: a quoted text or a comment that looks like such a key counts as one.
    static func keyLine(in text: String) -> Int? {
        var line = 1
        var first: Int?
        var hasAlias = false
        var previous = UInt8(ascii: "\n")
        let bytes = Array(text.utf8)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            let isStart = starts.contains(previous)
            switch byte {
            case UInt8(ascii: "\n"): line += 1
            case UInt8(ascii: "*") where isStart:
                var end = index + 1
                while end < bytes.count, isName(bytes[end]) { end += 1 }
                if end > index + 1 {
                    hasAlias = true
                    if isColon(bytes, after: end) { first = first ?? line }
                }
            case UInt8(ascii: "?") where isStart && index + 1 < bytes.count && blanks.contains(bytes[index + 1]):
                first = first ?? line
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                if isColon(bytes, after: index + 1) { first = first ?? line }
            default: break
            }
            previous = byte
            index += 1
        }
        return hasAlias ? first : nil
    }

    private static let blanks = Set(" \t\r\n".utf8)
    private static let starts = Set(" \t\r\n[{,:-?".utf8)

    private static func isName(_ byte: UInt8) -> Bool {
        !blanks.contains(byte) && !Set("[]{},:*".utf8).contains(byte)
    }

    private static func isColon(_ bytes: [UInt8], after start: Int) -> Bool {
        var index = start
        while index < bytes.count, bytes[index] == UInt8(ascii: " ") || bytes[index] == UInt8(ascii: "\t") { index += 1 }
        return index < bytes.count && bytes[index] == UInt8(ascii: ":")
    }
}
