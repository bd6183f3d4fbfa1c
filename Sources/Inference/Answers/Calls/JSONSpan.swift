/// Follows one JSON value byte by byte and finds its end. Brackets must match; what is between them is not checked.
struct JSONSpan: Sendable {
    enum Place {
        /// The byte belongs to the value, and more may come.
        case inside
        /// The byte is the value's last.
        case last
        /// The value, a number or a word, ended before this byte.
        case after
        /// No JSON value has this byte here.
        case wrong
    }

    private enum Kind { case none, nested, string, word }

    static let mostDepth = 128

    private var kind = Kind.none
    /// The bracket that closes each open one.
    private var closers: [UInt8] = []
    private var isInString = false
    private var isEscaped = false

    mutating func take(_ byte: UInt8) -> Place {
        if isInString { return takeInString(byte) }
        switch kind {
        case .none: return begin(byte)
        case .word: return Self.isWord(byte) ? .inside : .after
        case .string: return .wrong
        case .nested: return takeNested(byte)
        }
    }

    /// The value is whole where no more bytes come.
    var isWhole: Bool { kind == .word }

    private mutating func begin(_ byte: UInt8) -> Place {
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            kind = .nested
            closers = [byte + 2]
        case UInt8(ascii: "\""):
            kind = .string
            isInString = true
        default:
            guard Self.isWord(byte) else { return .wrong }
            kind = .word
        }
        return .inside
    }

    private mutating func takeInString(_ byte: UInt8) -> Place {
        if isEscaped {
            isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
            isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
            isInString = false
            return kind == .string ? .last : .inside
        }
        return .inside
    }

    private mutating func takeNested(_ byte: UInt8) -> Place {
        switch byte {
        case UInt8(ascii: "\""): isInString = true
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            guard closers.count < Self.mostDepth else { return .wrong }
            closers.append(byte + 2)
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            guard closers.last == byte else { return .wrong }
            closers.removeLast()
            if closers.isEmpty { return .last }
        default:
            guard byte.isJSONSpace || Self.isWord(byte) || byte == UInt8(ascii: ",") || byte == UInt8(ascii: ":") else { return .wrong }
        }
        return .inside
    }

    /// A byte of a number, `true`, `false` or `null`.
    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}

extension UInt8 {
    /// White space between JSON tokens.
    var isJSONSpace: Bool { self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09 }
}
