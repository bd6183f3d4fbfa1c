/// Operations on texts of any content and length. They look at bytes and Unicode scalars, never at characters.
///
/// Finding where a Swift `Character` ends costs time in proportion to the character, and a client can send one character of a
/// megabyte (a letter with 500,000 accents). Comparing or hashing such a string as Swift does it, by canonical equivalence, takes
/// quadratic time. Every function here is linear.
enum TextScan {
    /// Whether there is nothing but white space.
    static func isBlank(_ text: some StringProtocol) -> Bool { text.unicodeScalars.allSatisfy(isWhitespace) }

    static func isWhitespace(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII ? scalar.value == 0x20 || (0x09...0x0D).contains(scalar.value) : scalar.properties.isWhitespace
    }

    /// The start of a text: at most `bytes`, and no half scalar.
    static func prefix(_ text: Substring, bytes: Int) -> Substring {
        guard text.utf8.count > bytes else { return text }
        var end = text.utf8.index(text.startIndex, offsetBy: max(bytes, 0))
        while end > text.startIndex, isInsideScalar(text.utf8[end]) { text.utf8.formIndex(before: &end) }
        return text[..<end]
    }

    /// The end of a text: at most `bytes`, and no half scalar.
    static func suffix(_ text: Substring, bytes: Int) -> Substring {
        guard text.utf8.count > bytes else { return text }
        var start = text.utf8.index(text.endIndex, offsetBy: -max(bytes, 0))
        while start < text.endIndex, isInsideScalar(text.utf8[start]) { text.utf8.formIndex(after: &start) }
        return text[start...]
    }

    private static func isInsideScalar(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

    /// Without white space at both ends.
    static func trimmed(_ text: Substring) -> Substring {
        let scalars = text.unicodeScalars
        guard let first = scalars.firstIndex(where: { !isWhitespace($0) }), let last = scalars.lastIndex(where: { !isWhitespace($0) })
        else { return text[text.endIndex...] }
        return text[first..<scalars.index(after: last)]
    }

    /// The words of a text with one space between them, at most `bytes`.
    static func singleSpaced(_ text: some StringProtocol, bytes: Int = .max) -> String {
        var line: [UInt8] = []
        var isParted = false
        for scalar in text.unicodeScalars {
            guard !isWhitespace(scalar) else {
                isParted = !line.isEmpty
                continue
            }
            let encoded = UTF8.encode(scalar)
            guard let encoded, line.count + (isParted ? 1 : 0) + encoded.count <= bytes else { break }
            if isParted { line.append(0x20) }
            isParted = false
            line += encoded
        }
        return String(decoding: line, as: UTF8.self)
    }

    /// The lines of a text file, without their ends (`\n` or `\r\n`).
    static func lines(_ text: String) -> [Substring] {
        text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
            Substring(line.last == UInt8(ascii: "\r") ? line.dropLast() : line)
        }
    }

    /// Whether a short ASCII text occurs. Cost: at worst the product of the lengths.
    static func contains(_ text: String, _ part: String) -> Bool {
        let bytes = Array(text.utf8), part = Array(part.utf8)
        guard let first = part.first, bytes.count >= part.count else { return part.isEmpty }
        return (0...bytes.count - part.count).contains { bytes[$0] == first && bytes[$0..<$0 + part.count].elementsEqual(part) }
    }

    /// Whether two texts are the same scalars. `==` would also take other spellings of the same characters for equal.
    static func areEqual(_ one: some StringProtocol, _ other: some StringProtocol) -> Bool { one.utf8.elementsEqual(other.utf8) }
}
