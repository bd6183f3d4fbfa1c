/// The scan of `WordPattern.cased`.
extension WordPattern {
    static func casedEnd(from start: Int, limit: Int, in text: UTF8Text, digits: Int, contractions: Bool) -> Int {
        if let end = casedWordEnd(from: start, limit: limit, in: text) {
            guard contractions, end < limit, text.bytes[end] == UInt8(ascii: "'") else { return end }
            return contractionEnd(from: end, limit: limit, in: text, ignoringCase: true) ?? end
        }
        let first = text.bytes[start]
        let (flags, length) = text.flags(at: start)
        if flags.contains(.number) { return numberEnd(from: start, limit: limit, in: text, digits: digits) }
        let second = start + length
        let next = second < limit ? text.flags(at: second).flags : .space
        if flags.contains(.space) && !(first == UInt8(ascii: " ") && next.isOther) {
            let spaces = spaceEnd(from: start, limit: limit, in: text)
            return spaces.newlineEnd ?? spaces.end
        }
        var end = otherEnd(from: second, limit: limit, in: text)
        while end < limit, isNewline(text.bytes[end]) || text.bytes[end] == UInt8(ascii: "/") { end += 1 }
        return end
    }

    /// The first two alternatives, each with one scalar before the letters, then without.
    private static func casedWordEnd(from start: Int, limit: Int, in text: UTF8Text) -> Int? {
        let (flags, length) = text.flags(at: start)
        if flags.contains(.letter) { return lettersEnd(from: start, limit: limit, in: text) }
        if flags.contains(.number) || isNewline(text.bytes[start]) { return nil }
        // A mark is no letter: it may be what stands before them, or the first of them.
        let body = start + length
        let behind = body < limit ? lettersEnd(from: body, limit: limit, in: text, needsLower: true) : nil
        let own = behind == nil && flags.contains(.lower) ? lettersEnd(from: start, limit: limit, in: text) : nil
        return behind ?? own ?? (body < limit ? lettersEnd(from: body, limit: limit, in: text) : nil)
    }

    /// The end of `U*L+`, else of `U+L*` unless `needsLower`.
    private static func lettersEnd(from start: Int, limit: Int, in text: UTF8Text, needsLower: Bool = false) -> Int? {
        var end = start
        // Behind the last of the run that is also in L, to which U* falls back.
        var lastLower: Int?
        while end < limit {
            let next = text.flags(at: end)
            guard next.flags.contains(.upper) else {
                if next.flags.contains(.lower) { return text.end(of: .lower, from: end, limit: limit) }
                break
            }
            end += next.length
            if next.flags.contains(.lower) { lastLower = end }
        }
        if let lastLower { return lastLower }
        return needsLower || end == start ? nil : end
    }
}
