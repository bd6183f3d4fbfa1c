/// Whether a query says in which order its rows come: `ORDER BY` outside of parentheses, texts, quoted names and comments.
enum QueryOrder {
    static func isOrdered(_ query: String) -> Bool {
        let bytes = Array(query.utf8)
        var (place, depth) = (0, 0)
        var previous = ""
        while place < bytes.count {
            switch bytes[place] {
            case UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "`"):
                place = end(ofQuoted: bytes, from: place, quote: bytes[place])
                previous = ""
            case UInt8(ascii: "["):
                place = end(ofQuoted: bytes, from: place, quote: UInt8(ascii: "]"))
                previous = ""
            case UInt8(ascii: "-") where bytes[place...].starts(with: "--".utf8):
                place = bytes[place...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            case UInt8(ascii: "/") where bytes[place...].starts(with: "/*".utf8):
                place = end(ofComment: bytes, from: place)
            case UInt8(ascii: "("):
                (place, depth, previous) = (place + 1, depth + 1, "")
            case UInt8(ascii: ")"):
                (place, depth, previous) = (place + 1, depth - 1, "")
            case let byte where isNamePart(byte):
                let word = bytes[place...].prefix(while: isNamePart)
                let text = String(decoding: word, as: UTF8.self).uppercased()
                if depth == 0, previous == "ORDER", text == "BY" { return true }
                (place, previous) = (place + word.count, text)
            case let byte:
                if !isSpace(byte) { previous = "" }
                place += 1
            }
        }
        return false
    }

    private static func end(ofQuoted bytes: [UInt8], from start: Int, quote: UInt8) -> Int {
        (bytes[(start + 1)...].firstIndex(of: quote) ?? bytes.count - 1) + 1
    }

    private static func end(ofComment bytes: [UInt8], from start: Int) -> Int {
        var place = start + 2
        while place + 1 < bytes.count {
            if bytes[place] == UInt8(ascii: "*"), bytes[place + 1] == UInt8(ascii: "/") { return place + 2 }
            place += 1
        }
        return bytes.count
    }

    private static func isNamePart(_ byte: UInt8) -> Bool {
        UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
            || byte == UInt8(ascii: "_") || byte >= 0x80
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || 0x09...0x0D ~= byte }
}
