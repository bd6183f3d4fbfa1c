/// How the characters of an expression are written as bytes.
enum ScalarEncoding {
    /// UTF-8.
    case plain
    /// Inside a JSON string: UTF-8, with the escapes that JSON requires and no others.
    case json
}

/// A run of byte ranges: all texts whose n-th byte lies in the n-th range.
typealias ByteRun = [ClosedRange<UInt8>]

extension ScalarSet {
    /// The byte texts of the members, as runs whose texts differ.
    func byteRuns(_ encoding: ScalarEncoding) -> [ByteRun] {
        switch encoding {
        case .plain: return ranges.flatMap(UTF8Ranges.runs)
        case .json:
            var runs = subtracting(Self.escaped).ranges.flatMap(UTF8Ranges.runs)
            for range in intersection(Self.escaped).ranges {
                for value in range { runs += Self.escapes(of: UInt8(value)) }
            }
            return runs
        }
    }

    /// What a JSON string cannot hold as it is.
    private static let escaped = ScalarSet([0...0x1F, 0x22...0x22, 0x5C...0x5C])

    private static func escapes(of byte: UInt8) -> [ByteRun] {
        func run(_ bytes: [UInt8]) -> ByteRun { bytes.map { $0...$0 } }
        return [run(JSONText.escape(of: byte))]
    }
}

/// JSON strings as this module writes them: with the shortest escapes, and only those that JSON requires.
enum JSONText {
    static func escape(of byte: UInt8) -> [UInt8] {
        let backslash = UInt8(ascii: "\\")
        switch byte {
        case UInt8(ascii: "\""), backslash: return [backslash, byte]
        case 0x08: return [backslash, UInt8(ascii: "b")]
        case 0x09: return [backslash, UInt8(ascii: "t")]
        case 0x0A: return [backslash, UInt8(ascii: "n")]
        case 0x0C: return [backslash, UInt8(ascii: "f")]
        case 0x0D: return [backslash, UInt8(ascii: "r")]
        default:
            let digits = Array("0123456789abcdef".utf8)
            return Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }

    /// The text without quotes.
    static func content(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                bytes += escape(of: byte)
            } else {
                bytes.append(byte)
            }
        }
        return bytes
    }

    static func quoted(_ text: String) -> [UInt8] { [UInt8(ascii: "\"")] + content(text) + [UInt8(ascii: "\"")] }
}

/// Splits ranges of scalar values into runs of UTF-8 byte ranges.
enum UTF8Ranges {
    static func runs(_ range: ClosedRange<UInt32>) -> [ByteRun] {
        var runs: [ByteRun] = []
        for (low, high) in [(0, 0x7F), (0x80, 0x7FF), (0x800, 0xFFFF), (0x10000, 0x10FFFF)] as [(UInt32, UInt32)] {
            let (start, end) = (max(low, range.lowerBound), min(high, range.upperBound))
            if start <= end { split(start, end, into: &runs) }
        }
        return runs
    }

    /// Both ends have encodings of one length. The recursion is at most three deep on each side.
    private static func split(_ start: UInt32, _ end: UInt32, into runs: inout [ByteRun]) {
        for shift in [6, 12, 18] as [UInt32] {
            let mask: UInt32 = (1 << shift) - 1
            guard start & ~mask != end & ~mask, encode(start).count > Int(shift / 6) else { continue }
            if start & mask != 0 {
                split(start, start | mask, into: &runs)
                split((start | mask) + 1, end, into: &runs)
                return
            }
            if end & mask != mask {
                split(start, (end & ~mask) - 1, into: &runs)
                split(end & ~mask, end, into: &runs)
                return
            }
        }
        runs.append(zip(encode(start), encode(end)).map { $0...$1 })
    }

    static func encode(_ value: UInt32) -> [UInt8] {
        func tail(_ shift: UInt32) -> UInt8 { UInt8(0x80 | (value >> shift & 0x3F)) }
        switch value {
        case ..<0x80: return [UInt8(value)]
        case ..<0x800: return [UInt8(0xC0 | value >> 6), tail(0)]
        case ..<0x10000: return [UInt8(0xE0 | value >> 12), tail(6), tail(0)]
        default: return [UInt8(0xF0 | value >> 18), tail(12), tail(6), tail(0)]
        }
    }
}
