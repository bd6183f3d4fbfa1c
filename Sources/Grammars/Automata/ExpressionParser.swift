/// Reads regular expressions as ECMAScript writes them with the `u` flag off: what JSON Schema names, and what Python's `re` mostly shares.
///
/// Groups capture nothing and lazy quantifiers are read as greedy ones: neither changes which texts match. Look-around, back-references,
/// word boundaries, flags and possessive quantifiers are refused.
struct ExpressionParser {
    private let scalars: [Unicode.Scalar]
    private let limits: GrammarLimits
    private var place = 0

    private init(_ text: String, _ limits: GrammarLimits) {
        scalars = Array(text.unicodeScalars)
        self.limits = limits
    }

    static func parse(_ text: String, limits: GrammarLimits) throws(GrammarError) -> Expression {
        guard text.utf8.count <= limits.patternBytes else {
            throw GrammarError(
                .tooComplex, "the regular expression has \(text.utf8.count) bytes; at most \(limits.patternBytes) are taken")
        }
        var parser = ExpressionParser(text, limits)
        let expression = try parser.alternatives(depth: 0)
        guard parser.place == parser.scalars.count else { throw parser.invalid("a `)` without a `(`") }
        return expression
    }

    // MARK: Structure

    private mutating func alternatives(depth: Int) throws(GrammarError) -> Expression {
        guard depth <= limits.depth else {
            throw GrammarError(.tooComplex, "the groups of the regular expression are nested deeper than \(limits.depth)")
        }
        var parts = [try sequence(depth: depth)]
        while skip("|") { parts.append(try sequence(depth: depth)) }
        return parts.count == 1 ? parts[0] : .alternative(parts)
    }

    private mutating func sequence(depth: Int) throws(GrammarError) -> Expression {
        var parts: [Expression] = []
        while let next = peek, next != "|", next != ")" {
            let (part, repeats) = try atom(depth: depth)
            parts.append(repeats ? try quantified(part) : part)
        }
        return parts.count == 1 ? parts[0] : .sequence(parts)
    }

    private mutating func atom(depth: Int) throws(GrammarError) -> (Expression, repeats: Bool) {
        let scalar = scalars[place]
        place += 1
        switch scalar {
        case "^": return (.start, false)
        case "$": return (.end, false)
        case ".": return (.scalars(CharacterClass.anyInLine), true)
        case "[": return (.scalars(try characterClass()), true)
        case "(":
            try groupKind()
            let inner = try alternatives(depth: depth + 1)
            guard skip(")") else { throw invalid("a `(` without its `)`") }
            return (inner, true)
        case "*", "+", "?": throw invalid("`\(scalar)` has nothing before it to repeat")
        case "\\": return (.scalars(try escape(inClass: false)), true)
        default: return (.scalars(ScalarSet(scalar)), true)
        }
    }

    private mutating func groupKind() throws(GrammarError) {
        guard skip("?") else { return }
        if skip(":") { return }
        let isNamed = peek == "P" && peek(1) == "<"
        if isNamed || (peek == "<" && peek(1) != "=" && peek(1) != "!") {
            skip(to: ">")
            guard skip(">") else { throw invalid("the name of a group has no `>`") }
            return
        }
        if peek == "=" || peek == "!" || peek == "<" { throw unsupported("look-ahead and look-behind") }
        throw unsupported("`(?\(peek.map { String($0) } ?? "")`")
    }

    private mutating func quantified(_ part: Expression) throws(GrammarError) -> Expression {
        var part = part
        var count = 0
        while let bounds = try quantifier() {
            count += 1
            guard count == 1 else { throw invalid("two quantifiers follow each other") }
            _ = skip("?")
            if peek == "+" { throw unsupported("a possessive quantifier") }
            part = .repetition(part, least: bounds.least, most: bounds.most)
        }
        return part
    }

    private mutating func quantifier() throws(GrammarError) -> (least: Int, most: Int?)? {
        if skip("*") { return (0, nil) }
        if skip("+") { return (1, nil) }
        if skip("?") { return (0, 1) }
        let begin = place
        guard skip("{"), let least = number() else {
            place = begin
            return nil
        }
        if skip("}") { return (least, least) }
        if skip(",") {
            if skip("}") { return (least, nil) }
            if let most = number(), skip("}") {
                guard least <= most else { throw invalid("{\(least),\(most)} repeats at least more often than at most") }
                return (least, most)
            }
        }
        place = begin
        return nil
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let digit = peek, ("0"..."9").contains(digit) {
            value = min((value ?? 0) * 10 + Int(digit.value - 48), 1 << 30)
            place += 1
        }
        return value
    }

    // MARK: Characters

    private mutating func characterClass() throws(GrammarError) -> ScalarSet {
        let isInverted = skip("^")
        var ranges: [ClosedRange<UInt32>] = []
        while let next = peek, next != "]" {
            let low = try classMember()
            if peek == "-", let after = peek(1), after != "]" {
                place += 1
                let high = try classMember()
                guard let first = low.single, let last = high.single else {
                    throw invalid("a range in a class has a class at one end")
                }
                guard first <= last else { throw invalid("a range in a class goes backwards") }
                ranges.append(first...last)
            } else {
                ranges += low.ranges
            }
            guard ranges.count <= limits.expressionStates else { throw GrammarError(.tooComplex, "a class of the regular expression is too large") }
        }
        guard skip("]") else { throw invalid("a `[` without its `]`") }
        let set = ScalarSet(ranges)
        return isInverted ? set.inverted : set
    }

    private mutating func classMember() throws(GrammarError) -> ScalarSet {
        guard let next = peek else { throw invalid("a `[` without its `]`") }
        place += 1
        return next == "\\" ? try escape(inClass: true) : ScalarSet(next)
    }

    private mutating func escape(inClass: Bool) throws(GrammarError) -> ScalarSet {
        guard let scalar = peek else { throw invalid("a `\\` at the end") }
        place += 1
        switch scalar {
        case "d": return CharacterClass.digits
        case "D": return CharacterClass.digits.inverted
        case "w": return CharacterClass.word
        case "W": return CharacterClass.word.inverted
        case "s": return CharacterClass.space
        case "S": return CharacterClass.space.inverted
        case "t": return ScalarSet("\t")
        case "n": return ScalarSet("\n")
        case "r": return ScalarSet("\r")
        case "f": return ScalarSet("\u{0C}")
        case "v": return ScalarSet("\u{0B}")
        case "0": return ScalarSet("\0")
        case "x": return ScalarSet(try hexadecimal(digits: 2))
        case "u":
            if skip("{") {
                let begin = place
                skip(to: "}")
                let value = UInt32(String(String.UnicodeScalarView(scalars[begin..<place])), radix: 16)
                guard skip("}"), let value, let found = Unicode.Scalar(value) else { throw invalid("`\\u{…}` is no character") }
                return ScalarSet(found)
            }
            return ScalarSet(try utf16())
        case "c":
            guard let letter = peek, letter.isASCII, letter.properties.isAlphabetic else { throw invalid("`\\c` without a letter") }
            place += 1
            return ScalarSet([letter.value % 32...letter.value % 32])
        case "p", "P":
            let set = try property()
            return scalar == "p" ? set : set.inverted
        case "b" where inClass: return ScalarSet("\u{08}")
        case "b", "B": throw unsupported("a word boundary")
        case "A", "Z", "z", "G": throw unsupported("`\\\(scalar)`")
        case "1"..."9": throw unsupported("a back-reference")
        case "k": throw unsupported("a back-reference")
        default:
            return ScalarSet(scalar)
        }
    }

    private mutating func hexadecimal(digits: Int) throws(GrammarError) -> Unicode.Scalar {
        guard let value = hexadecimalValue(digits: digits), let scalar = Unicode.Scalar(value) else {
            throw invalid("an escape needs \(digits) hexadecimal digits that make a character")
        }
        return scalar
    }

    private mutating func hexadecimalValue(digits: Int) -> UInt32? {
        guard place + digits <= scalars.count else { return nil }
        let text = String(String.UnicodeScalarView(scalars[place..<place + digits]))
        guard let value = UInt32(text, radix: 16) else { return nil }
        place += digits
        return value
    }

    /// Four digits, or two pairs of them that make one character.
    private mutating func utf16() throws(GrammarError) -> Unicode.Scalar {
        guard let high = hexadecimalValue(digits: 4) else { throw invalid("`\\u` needs four hexadecimal digits") }
        if let scalar = Unicode.Scalar(high) { return scalar }
        if high < 0xDC00, skip("\\"), skip("u"), let low = hexadecimalValue(digits: 4), (0xDC00...0xDFFF).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
        {
            return scalar
        }
        throw invalid("`\\u` is half of a pair of surrogates")
    }

    private mutating func property() throws(GrammarError) -> ScalarSet {
        guard skip("{") else { throw invalid("`\\p` needs a name in braces") }
        let begin = place
        skip(to: "}")
        let name = String(String.UnicodeScalarView(scalars[begin..<place]))
        guard skip("}") else { throw invalid("`\\p{` has no `}`") }
        guard let set = CharacterClass.category(name) else { throw unsupported("the property of characters `\(name.prefix(40))`") }
        return set
    }

    // MARK: Reading

    private var peek: Unicode.Scalar? { peek(0) }
    private func peek(_ offset: Int) -> Unicode.Scalar? { place + offset < scalars.count ? scalars[place + offset] : nil }

    private mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
        guard peek == scalar else { return false }
        place += 1
        return true
    }

    private mutating func skip(to scalar: Unicode.Scalar) {
        while let next = peek, next != scalar { place += 1 }
    }

    private func invalid(_ message: String) -> GrammarError {
        GrammarError(.invalid, "the regular expression is wrong at character \(place): \(message)")
    }

    private func unsupported(_ what: String) -> GrammarError {
        GrammarError(.unsupported, "\(what) in a regular expression (character \(place)) is not supported")
    }
}
