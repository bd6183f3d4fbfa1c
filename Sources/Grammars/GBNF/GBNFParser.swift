/// Reads llama.cpp's GBNF: rules of literals, classes of characters, references, groups, repetitions and tokens. The rule `root` is the
/// answer.
///
///     root  ::= "yes" | "no" ("," ws reason)?
///     ws    ::= [ \t]{0,4}
///     reason ::= [^\n]+
struct GBNFParser {
    /// What stands on the right of a rule. Parts that name neither rules nor tokens are regular expressions.
    indirect enum Part {
        case expression(Expression)
        case rule(String)
        case token(Int32)
        case sequence([Part])
        case alternative([Part])
        case repetition(Part, least: Int, most: Int?)

        /// The same as an expression, where it is one.
        var expression: Expression? {
            switch self {
            case .expression(let expression): return expression
            case .rule, .token: return nil
            case .sequence(let parts):
                let inner = parts.compactMap(\.expression)
                return inner.count == parts.count ? .sequence(inner) : nil
            case .alternative(let parts):
                let inner = parts.compactMap(\.expression)
                return inner.count == parts.count ? .alternative(inner) : nil
            case .repetition(let part, let least, let most):
                // Large numbers are counted at run time.
                guard max(least, most ?? 0) <= 64 else { return nil }
                return part.expression.map { .repetition($0, least: least, most: most) }
            }
        }
    }

    private let scalars: [Unicode.Scalar]
    private let limits: GrammarLimits
    private let tokenNamed: (String) -> Int32?
    private var place = 0
    private(set) var rules: [(name: String, part: Part)] = []

    init(_ text: String, limits: GrammarLimits, tokenNamed: @escaping (String) -> Int32?) throws(GrammarError) {
        guard text.utf8.count <= limits.sourceBytes else {
            throw GrammarError(.tooComplex, "the grammar has \(text.utf8.count) bytes; at most \(limits.sourceBytes) are taken")
        }
        scalars = Array(text.unicodeScalars)
        self.limits = limits
        self.tokenNamed = tokenNamed
        try read()
    }

    private mutating func read() throws(GrammarError) {
        var known = Set<String>()
        skipSpace(lines: true)
        while place < scalars.count {
            let name = word()
            guard !name.isEmpty else { throw invalid("a rule's name is expected") }
            guard known.insert(name).inserted else { throw invalid("the rule `\(name)` is there twice") }
            skipSpace(lines: true)
            guard skip(":"), skip(":"), skip("=") else { throw invalid("`::=` is expected behind `\(name)`") }
            skipSpace(lines: true)
            rules.append((name, try alternatives(depth: 0)))
            guard rules.count <= limits.nodes else { throw GrammarError(.tooComplex, "the grammar has more than \(limits.nodes) rules") }
            skipSpace(lines: true)
        }
        guard known.contains("root") else { throw GrammarError(.invalid, "the grammar has no rule `root`") }
    }

    // MARK: Structure

    private mutating func alternatives(depth: Int) throws(GrammarError) -> Part {
        guard depth <= limits.depth else { throw GrammarError(.tooComplex, "groups are nested deeper than \(limits.depth)") }
        var parts = [try sequence(depth: depth)]
        while skip("|") {
            skipSpace(lines: true)
            parts.append(try sequence(depth: depth))
        }
        return parts.count == 1 ? parts[0] : .alternative(parts)
    }

    private mutating func sequence(depth: Int) throws(GrammarError) -> Part {
        var parts: [Part] = []
        while let part = try item(depth: depth) {
            parts.append(try repeated(part))
            skipSpace(lines: depth > 0)
        }
        return parts.count == 1 ? parts[0] : .sequence(parts)
    }

    private mutating func item(depth: Int) throws(GrammarError) -> Part? {
        guard let next = peek else { return nil }
        switch next {
        case "\"":
            place += 1
            var text: [Expression] = []
            while peek != nil, peek != "\"" { text.append(.scalars(ScalarSet(try character()))) }
            guard skip("\"") else { throw invalid("a text has no closing `\"`") }
            return .expression(.sequence(text))
        case "[":
            place += 1
            return .expression(.scalars(try characterClass()))
        case ".":
            place += 1
            return .expression(.scalars(.all))
        case "(":
            place += 1
            skipSpace(lines: true)
            let inner = try alternatives(depth: depth + 1)
            skipSpace(lines: true)
            guard skip(")") else { throw invalid("a `(` without its `)`") }
            return inner
        case "<", "!": return try token()
        default:
            // In a sequence the name of the next rule is no reference: `::=` follows it.
            let begin = place
            let name = word()
            guard !name.isEmpty else { return nil }
            let end = place
            skipSpace(lines: true)
            if peek == ":" {
                place = begin
                return nil
            }
            place = end
            return .rule(name)
        }
    }

    private mutating func repeated(_ part: Part) throws(GrammarError) -> Part {
        var part = part
        while true {
            if skip("*") {
                part = .repetition(part, least: 0, most: nil)
            } else if skip("+") {
                part = .repetition(part, least: 1, most: nil)
            } else if skip("?") {
                part = .repetition(part, least: 0, most: 1)
            } else if skip("{") {
                guard let least = number() else { throw invalid("a number is expected behind `{`") }
                var most: Int? = least
                if skip(",") { most = number() }
                guard skip("}") else { throw invalid("`}` is expected") }
                if let most, most < least { throw invalid("{\(least),\(most)} repeats at least more often than at most") }
                part = .repetition(part, least: least, most: most)
            } else {
                return part
            }
        }
    }

    /// `<name>`, `<[id]>`.
    private mutating func token() throws(GrammarError) -> Part {
        if skip("!") { throw GrammarError(.unsupported, "`!` before a token (\(position)) is not supported") }
        place += 1
        if skip("[") {
            guard let id = number(), skip("]"), skip(">") else { throw invalid("`<[id]>` is expected") }
            return .token(Int32(clamping: id))
        }
        let begin = place
        while peek != nil, peek != ">", peek != "\n" { place += 1 }
        guard skip(">") else { throw invalid("a token has no `>`") }
        let text = String(String.UnicodeScalarView(scalars[(begin - 1)..<place]))
        guard let id = tokenNamed(text) else { throw invalid("the vocabulary has no token `\(text.prefix(80))`") }
        return .token(id)
    }

    // MARK: Characters

    private mutating func characterClass() throws(GrammarError) -> ScalarSet {
        let isInverted = skip("^")
        var ranges: [ClosedRange<UInt32>] = []
        while peek != nil, peek != "]" {
            let low = try character()
            if peek == "-", let after = peek(1), after != "]" {
                place += 1
                let high = try character()
                guard low <= high else { throw invalid("a range in a class goes backwards") }
                ranges.append(low.value...high.value)
            } else {
                ranges.append(low.value...low.value)
            }
        }
        guard skip("]") else { throw invalid("a `[` without its `]`") }
        let set = ScalarSet(ranges)
        return isInverted ? set.inverted : set
    }

    private mutating func character() throws(GrammarError) -> Unicode.Scalar {
        guard let scalar = peek else { throw invalid("the text ends within a character") }
        place += 1
        guard scalar == "\\" else { return scalar }
        guard let escaped = peek else { throw invalid("a `\\` at the end") }
        place += 1
        switch escaped {
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "x": return try hexadecimal(2)
        case "u": return try hexadecimal(4)
        case "U": return try hexadecimal(8)
        default: return escaped
        }
    }

    private mutating func hexadecimal(_ digits: Int) throws(GrammarError) -> Unicode.Scalar {
        guard place + digits <= scalars.count,
            let value = UInt32(String(String.UnicodeScalarView(scalars[place..<place + digits])), radix: 16),
            let scalar = Unicode.Scalar(value)
        else { throw invalid("an escape needs \(digits) hexadecimal digits that make a character") }
        place += digits
        return scalar
    }

    // MARK: Reading

    private var peek: Unicode.Scalar? { peek(0) }
    private func peek(_ offset: Int) -> Unicode.Scalar? { place + offset < scalars.count ? scalars[place + offset] : nil }

    private mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
        guard peek == scalar else { return false }
        place += 1
        return true
    }

    private mutating func word() -> String {
        let begin = place
        while let next = peek, next.isASCII, next.properties.isAlphabetic || ("0"..."9").contains(next) || next == "-" || next == "_" {
            place += 1
        }
        return String(String.UnicodeScalarView(scalars[begin..<place]))
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let digit = peek, ("0"..."9").contains(digit) {
            value = min((value ?? 0) * 10 + Int(digit.value - 48), 1 << 27)
            place += 1
        }
        return value
    }

    /// Blanks and comments, and line breaks where they mean nothing.
    private mutating func skipSpace(lines: Bool) {
        while let next = peek {
            if next == " " || next == "\t" || (lines && (next == "\n" || next == "\r")) {
                place += 1
            } else if next == "#" {
                while peek != nil, peek != "\n" { place += 1 }
            } else {
                return
            }
        }
    }

    private var position: String {
        "line \(scalars[..<min(place, scalars.count)].count { $0 == "\n" } + 1)"
    }

    private func invalid(_ message: String) -> GrammarError {
        GrammarError(.invalid, "the grammar is wrong at \(position): \(message)")
    }
}
