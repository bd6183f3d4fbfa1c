/// Decodes the body of a JSON string byte by byte. What is not an escape of JSON stays as it is; half a surrogate pair is U+FFFD.
struct JSONStringText: Sendable {
    private enum Place { case plain, escape, digits }

    private var place = Place.plain
    private var digits: [UInt8] = []
    /// The first half of a pair whose second half may follow.
    private var high: UInt32?

    /// The text that the byte completes; nil: it is the quote that ends the string.
    mutating func take(_ byte: UInt8) -> [UInt8]? {
        switch place {
        case .plain:
            if byte == UInt8(ascii: "\\") {
                place = .escape
                return []
            }
            return byte == UInt8(ascii: "\"") ? nil : takeHigh() + [byte]
        case .escape:
            if byte == UInt8(ascii: "u") {
                place = .digits
                digits = []
                return []
            }
            place = .plain
            return takeHigh() + [Self.escapes[byte] ?? byte]
        case .digits:
            digits.append(byte)
            guard digits.count == 4 else { return [] }
            place = .plain
            guard let unit = UInt32(String(decoding: digits, as: UTF8.self), radix: 16) else {
                return takeHigh() + Array("\\u".utf8) + digits
            }
            return take(unit: unit)
        }
    }

    private mutating func take(unit: UInt32) -> [UInt8] {
        if let first = high, (0xDC00...0xDFFF).contains(unit) {
            high = nil
            return Self.bytes(0x10000 + (first - 0xD800) << 10 + (unit - 0xDC00))
        }
        let before = takeHigh()
        guard !(0xD800...0xDBFF).contains(unit) else {
            high = unit
            return before
        }
        return before + Self.bytes(unit)
    }

    private mutating func takeHigh() -> [UInt8] {
        defer { high = nil }
        return high == nil ? [] : Self.bytes(0xFFFD)
    }

    private static func bytes(_ scalar: UInt32) -> [UInt8] {
        Array(String(Character(Unicode.Scalar(scalar) ?? "\u{FFFD}")).utf8)
    }

    private static let escapes: [UInt8: UInt8] = [
        UInt8(ascii: "n"): 0x0A, UInt8(ascii: "t"): 0x09, UInt8(ascii: "r"): 0x0D, UInt8(ascii: "b"): 0x08, UInt8(ascii: "f"): 0x0C,
    ]

    /// The text of a whole body, without its quotes.
    static func decoded(_ body: [UInt8]) -> String {
        var (text, bytes) = (JSONStringText(), [UInt8]())
        for byte in body { bytes += text.take(byte) ?? [] }
        return String(decoding: bytes, as: UTF8.self)
    }
}
