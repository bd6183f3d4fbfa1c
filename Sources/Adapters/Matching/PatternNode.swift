/// A regular expression as a tree.
indirect enum PatternNode: Sendable {
    case set(ByteSet)
    case assertion(Assertion)
    case sequence([PatternNode])
    case choice([PatternNode])
    /// No maximum: any number of times.
    case repeated(PatternNode, minimum: Int, maximum: Int?)

    static func star(_ node: PatternNode) -> PatternNode { .repeated(node, minimum: 0, maximum: nil) }
    static func optional(_ node: PatternNode) -> PatternNode { .repeated(node, minimum: 0, maximum: 1) }

    /// Holds at a place, reads nothing.
    enum Assertion: Sendable {
        case start, end, wordBoundary, noWordBoundary

        func holds(in bytes: [UInt8], at position: Int) -> Bool {
            switch self {
            case .start: position == 0
            case .end: position == bytes.count
            case .wordBoundary: Self.isBoundary(bytes, position)
            case .noWordBoundary: !Self.isBoundary(bytes, position)
            }
        }

        private static func isBoundary(_ bytes: [UInt8], _ position: Int) -> Bool {
            let before = position > 0 && ByteSet.word.contains(bytes[position - 1])
            let after = position < bytes.count && ByteSet.word.contains(bytes[position])
            return before != after
        }
    }
}

/// A set of ASCII characters: module paths have no others.
struct ByteSet: Sendable, Equatable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    init() {}

    init(_ characters: String) { for byte in characters.utf8 { insert(byte) } }

    init(_ range: ClosedRange<UInt8>) { for byte in range { insert(byte) } }

    /// All but the line feed.
    static let any = ByteSet("\n").inverted
    static let digits = ByteSet(UInt8(ascii: "0")...UInt8(ascii: "9"))
    static let word = ByteSet(UInt8(ascii: "a")...UInt8(ascii: "z"))
        .union(ByteSet(UInt8(ascii: "A")...UInt8(ascii: "Z"))).union(digits).union(ByteSet("_"))
    static let space = ByteSet(" \t\n\r\u{0B}\u{0C}")

    func contains(_ byte: UInt8) -> Bool {
        switch byte {
        case 0..<64: low & (1 << UInt64(byte)) != 0
        case 64..<128: high & (1 << UInt64(byte - 64)) != 0
        default: false
        }
    }

    mutating func insert(_ byte: UInt8) {
        switch byte {
        case 0..<64: low |= 1 << UInt64(byte)
        case 64..<128: high |= 1 << UInt64(byte - 64)
        default: break
        }
    }

    func union(_ other: ByteSet) -> ByteSet {
        var set = self
        set.low |= other.low
        set.high |= other.high
        return set
    }

    var inverted: ByteSet {
        var set = ByteSet()
        set.low = ~low
        set.high = ~high
        return set
    }
}
