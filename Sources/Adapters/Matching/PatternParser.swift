/// Reads the part of Python's `re` syntax that `ModulePattern` describes.
struct PatternParser {
    private static let maximumDepth = 50
    private static let maximumRepetition = 1_000

    private let bytes: [UInt8]
    private var position = 0
    private var depth = 0

    static func parse(_ source: String) throws(PatternError) -> PatternNode {
        guard source.utf8.count <= ModulePattern.maximumBytes else {
            throw PatternError("the pattern has \(source.utf8.count) bytes; at most \(ModulePattern.maximumBytes) are read")
        }
        guard source.utf8.allSatisfy({ $0 < 128 }) else {
            throw PatternError("the pattern has characters that no module path has")
        }
        var parser = PatternParser(bytes: Array(source.utf8))
        let node = try parser.choice()
        guard parser.next == nil else { throw PatternError("unbalanced ')' at offset \(parser.position)") }
        return node
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func choice() throws(PatternError) -> PatternNode {
        var nodes = [try sequence()]
        while take("|") { nodes.append(try sequence()) }
        return nodes.count == 1 ? nodes[0] : .choice(nodes)
    }

    private mutating func sequence() throws(PatternError) -> PatternNode {
        var nodes: [PatternNode] = []
        while let byte = next, byte != UInt8(ascii: "|"), byte != UInt8(ascii: ")") {
            nodes.append(try quantified(try atom()))
        }
        return .sequence(nodes)
    }

    private mutating func quantified(_ atom: PatternNode) throws(PatternError) -> PatternNode {
        guard let (minimum, maximum) = try quantifier() else { return atom }
        if case .assertion = atom { throw PatternError("a quantifier after an anchor at offset \(position)") }
        // Lazy: the same paths match.
        _ = take("?")
        if next == UInt8(ascii: "+") { throw PatternError("possessive quantifiers are not read (offset \(position))") }
        let start = position
        if try quantifier() != nil { throw PatternError("multiple repeat at offset \(start)") }
        return .repeated(atom, minimum: minimum, maximum: maximum)
    }

    private mutating func quantifier() throws(PatternError) -> (Int, Int?)? {
        if take("*") { return (0, nil) }
        if take("+") { return (1, nil) }
        if take("?") { return (0, 1) }
        return try counted()
    }

    /// `{m}`, `{m,}`, `{,n}`, `{m,n}`; a brace that begins none of them is a literal and is left.
    private mutating func counted() throws(PatternError) -> (Int, Int?)? {
        let start = position
        guard take("{") else { return nil }
        let minimum = try number()
        let comma = take(",")
        let maximum = comma ? try number() : minimum
        guard take("}"), comma || minimum != nil else {
            position = start
            return nil
        }
        if let maximum, maximum < minimum ?? 0 {
            throw PatternError("minimum above maximum in the repetition at offset \(start)")
        }
        return (minimum ?? 0, maximum)
    }

    private mutating func number() throws(PatternError) -> Int? {
        var value: Int?
        while let byte = next, ByteSet.digits.contains(byte) {
            let digit = Int(byte - UInt8(ascii: "0"))
            value = (value ?? 0) * 10 + digit
            guard value ?? 0 <= Self.maximumRepetition else {
                throw PatternError("a repetition of more than \(Self.maximumRepetition) at offset \(position)")
            }
            position += 1
        }
        return value
    }

    private mutating func atom() throws(PatternError) -> PatternNode {
        let start = position
        let byte = bytes[position]
        position += 1
        switch Unicode.Scalar(byte) {
        case ".": return .set(.any)
        case "^": return .assertion(.start)
        case "$": return .assertion(.end)
        case "(": return try group(start)
        case "[": return .set(try characterClass(start))
        case "\\": return try escape()
        case "*", "+", "?": throw PatternError("nothing to repeat at offset \(start)")
        default:
            var set = ByteSet()
            set.insert(byte)
            return .set(set)
        }
    }

    private mutating func group(_ start: Int) throws(PatternError) -> PatternNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else { throw PatternError("groups nested deeper than \(Self.maximumDepth)") }
        if take("?") {
            switch next.map({ Unicode.Scalar($0) }) {
            case ":": position += 1
            case "P" where position + 1 < bytes.count && bytes[position + 1] == UInt8(ascii: "<"):
                while let byte = next, byte != UInt8(ascii: ">") { position += byte == UInt8(ascii: ")") ? bytes.count : 1 }
                guard take(">") else { throw PatternError("a group's name without its end at offset \(start)") }
            case "=", "!", "<": throw PatternError("lookahead and lookbehind are not read (offset \(start))")
            default: throw PatternError("inline flags and special groups are not read (offset \(start))")
            }
        }
        let node = try choice()
        guard take(")") else { throw PatternError("a group without its end at offset \(start)") }
        return node
    }

    private mutating func escape() throws(PatternError) -> PatternNode {
        guard let byte = next else { throw PatternError("a backslash at the end") }
        position += 1
        switch Unicode.Scalar(byte) {
        case "A": return .assertion(.start)
        case "Z": return .assertion(.end)
        case "b": return .assertion(.wordBoundary)
        case "B": return .assertion(.noWordBoundary)
        default: return .set(try escapedSet(byte))
        }
    }

    private func escapedSet(_ byte: UInt8) throws(PatternError) -> ByteSet {
        switch Unicode.Scalar(byte) {
        case "d": return .digits
        case "D": return ByteSet.digits.inverted
        case "w": return .word
        case "W": return ByteSet.word.inverted
        case "s": return .space
        case "S": return ByteSet.space.inverted
        case "n": return ByteSet("\n")
        case "t": return ByteSet("\t")
        case "r": return ByteSet("\r")
        case "0"..."9": throw PatternError("back-references and octal escapes are not read (offset \(position - 1))")
        case "a"..."z", "A"..."Z":
            throw PatternError("the escape \\\(Character(Unicode.Scalar(byte))) is not read (offset \(position - 1))")
        default:
            var set = ByteSet()
            set.insert(byte)
            return set
        }
    }

    private mutating func characterClass(_ start: Int) throws(PatternError) -> ByteSet {
        let inverted = take("^")
        var set = ByteSet()
        var first = true
        while let byte = next, first || byte != UInt8(ascii: "]") {
            first = false
            let (low, part) = try classMember()
            guard let low, next == UInt8(ascii: "-"), position + 1 < bytes.count, bytes[position + 1] != UInt8(ascii: "]") else {
                set = set.union(part)
                continue
            }
            position += 1
            guard case (let high?, _) = try classMember(), low <= high else {
                throw PatternError("a bad range in the class at offset \(start)")
            }
            set = set.union(ByteSet(low...high))
        }
        guard take("]") else { throw PatternError("a class without its end at offset \(start)") }
        return inverted ? set.inverted : set
    }

    /// One character of a class, with its set; or a set such as `\d`, which begins no range.
    private mutating func classMember() throws(PatternError) -> (UInt8?, ByteSet) {
        guard var byte = next else { throw PatternError("a class without its end") }
        position += 1
        if byte == UInt8(ascii: "\\") {
            guard let escaped = next else { throw PatternError("a backslash at the end") }
            position += 1
            let set = try escapedSet(escaped)
            if ByteSet.word.contains(escaped) { return (nil, set) }
            byte = escaped
        }
        var set = ByteSet()
        set.insert(byte)
        return (byte, set)
    }
}
