/// One place in a node that is not complete yet. The meaning of `a` and `b` depends on the tag.
struct Frame: Hashable {
    enum Tag: UInt8 {
        /// Under all frames: the end of the text.
        case bottom
        /// Reads bytes: `a` is how many of the literal are read.
        case literal
        /// Reads bytes: `a` is the automaton's state, `b` the counted characters and the place in one (`StringCount`).
        case automaton
        /// Reads bytes: `a` is the automaton's state.
        case text
        /// Reads the name of an object's member: `a` is a node of the names or -1, `b` a state of the extra names or -1.
        case name
        /// `a` is the part that comes next.
        case sequence
        /// `a` is how often the part was complete.
        case repetition
        /// `a` is how many elements were complete, `b` a `Phase`.
        case list
        /// `a` tells which members may come, `b` is a `Phase` and the count of members.
        case object
        /// The part of a trigger; free text comes after it.
        case afterTrigger
    }

    /// Where an object or a list is.
    enum Phase: Int32 {
        /// Behind the opening bracket.
        case opened
        /// A member or an element must come now.
        case needsMember
        /// In a member's name.
        case inName
        /// In an element, or in a member's value.
        case inValue
    }

    var tag: Tag
    var node: Int32
    var a: Int32
    var b: Int32

    static let bottom = Frame(tag: .bottom, node: 0, a: 0, b: 0)

    var phase: Phase { Phase(rawValue: b & 3) ?? .opened }
    var memberCount: Int32 { b >> 2 }

    static func object(_ node: Int32, progress: Int32, _ phase: Phase, members: Int32) -> Frame {
        Frame(tag: .object, node: node, a: progress, b: members << 2 | phase.rawValue)
    }

    static func list(_ node: Int32, count: Int32, _ phase: Phase) -> Frame {
        Frame(tag: .list, node: node, a: count, b: phase.rawValue)
    }
}

/// Counts the characters of a JSON string, byte by byte: an escape is one character, and so are two escapes that make a pair.
///
/// Packed into 32 bits: the place within a character in the low four, the count above them.
struct StringCount {
    private enum Place: Int32 {
        case outside, plain, escape
        /// Behind `\u`: no digit is read yet, or a `D`.
        case unicode, unicodeD
        /// So many digits still come and do not matter.
        case digits4, digits3, digits2, digits1
        /// The same in the first half of a pair.
        case high2, high1
        /// Behind the first half of a pair, whose other half does not count.
        case pair, pairEscape
    }

    let packed: Int32

    init(_ packed: Int32) { self.packed = packed }

    private init(_ place: Place, _ count: Int32) { packed = count << 4 | place.rawValue }

    /// Before the opening quote.
    static let start = StringCount(.outside, 0)

    var count: Int32 { packed >> 4 }

    func with(count: Int32) -> StringCount { StringCount(count << 4 | packed & 15) }

    func adding(_ byte: UInt8) -> StringCount {
        let quote = UInt8(ascii: "\""), backslash = UInt8(ascii: "\\")
        switch Place(rawValue: packed & 15) ?? .plain {
        case .outside: return StringCount(.plain, count)
        case .plain:
            if byte == backslash { return StringCount(.escape, count + 1) }
            return StringCount(.plain, byte == quote || byte & 0xC0 == 0x80 ? count : count + 1)
        case .escape: return StringCount(byte == UInt8(ascii: "u") ? .unicode : .plain, count)
        case .unicode: return StringCount(byte | 0x20 == UInt8(ascii: "d") ? .unicodeD : .digits3, count)
        case .unicodeD: return StringCount("89abAB".utf8.contains(byte) ? .high2 : .digits2, count)
        case .digits4: return StringCount(.digits3, count)
        case .digits3: return StringCount(.digits2, count)
        case .digits2: return StringCount(.digits1, count)
        case .digits1: return StringCount(.plain, count)
        case .high2: return StringCount(.high1, count)
        case .high1: return StringCount(.pair, count)
        case .pair: return StringCount(.pairEscape, count)
        case .pairEscape: return StringCount(.digits4, count)
        }
    }
}
