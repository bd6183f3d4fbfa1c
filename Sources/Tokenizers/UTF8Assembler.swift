/// Cuts a stream of bytes into whole characters (Unicode 15, table 3-7). Each maximal part of a character that is not
/// continued as it must be becomes one U+FFFD, as the WHATWG's decoder and Rust's `from_utf8_lossy` do it.
struct UTF8Assembler: Sendable {
    /// The well-formed beginning of a character, at most 3 bytes.
    private var pending: [UInt8] = []

    mutating func append(_ bytes: [UInt8]) -> String {
        let held = pending + bytes
        let end = held.count - Self.unfinishedLength(held)
        pending = Array(held[end...])
        return end == 0 ? "" : String(decoding: held[..<end], as: UTF8.self)
    }

    mutating func finish() -> String {
        defer { pending = [] }
        return String(decoding: pending, as: UTF8.self)
    }

    /// How many bytes at the end begin a character that the next byte may continue.
    private static func unfinishedLength(_ bytes: [UInt8]) -> Int {
        for length in 1...3 where length <= bytes.count {
            let first = bytes[bytes.count - length]
            if first & 0xC0 == 0x80 { continue }
            return continues(bytes[(bytes.count - length)...]) ? length : 0
        }
        return 0
    }

    /// Whether these bytes are a proper beginning of a well-formed character.
    private static func continues(_ part: ArraySlice<UInt8>) -> Bool {
        guard let first = part.first else { return false }
        let (length, second): (Int, ClosedRange<UInt8>) =
            switch first {
            case 0xC2...0xDF: (2, 0x80...0xBF)
            case 0xE0: (3, 0xA0...0xBF)
            case 0xED: (3, 0x80...0x9F)
            case 0xE1...0xEF: (3, 0x80...0xBF)
            case 0xF0: (4, 0x90...0xBF)
            case 0xF1...0xF3: (4, 0x80...0xBF)
            case 0xF4: (4, 0x80...0x8F)
            default: (0, 0...0)
            }
        guard part.count < length else { return false }
        // The third byte has no exceptions: it was a continuation already, or it would be `first`.
        return part.count < 2 || second.contains(part[part.startIndex + 1])
    }
}
