import Foundation

func pythonPower(_ base: Double, _ exponent: Int) -> Double { pow(base, Double(exponent)) }

/// Python's two ways to fill in a text: `"%s" % value` and `"{}".format(value)`, the common parts of each.
extension Meter {
    /// Conversions `s r d i u x X o c e f g %` with flags, width and precision up to 1000.
    func formatted(_ format: String, _ values: Value) throws(TemplateError) -> String {
        try read(format)
        try create(bytes: format.utf8.count)
        var source = Array(format.unicodeScalars)[...]
        var positional: [Value]
        if case .tuple(let elements) = values { positional = elements.values } else { positional = [values] }
        positional.reverse()
        var result = ""
        var usesNames = false
        while let scalar = source.popFirst() {
            guard scalar == "%" else {
                result.unicodeScalars.append(scalar)
                continue
            }
            try step()
            var name: String?
            if source.first == "(" {
                let key = source.dropFirst().prefix { $0 != ")" }
                source = source.dropFirst(key.count + 2)
                name = String(scalars: key)
            }
            let specification = try FormatSpecification(percent: &source)
            guard let kind = source.popFirst() else { throw TemplateError(.value, "incomplete format") }
            if kind == "%" {
                result += "%"
                continue
            }
            let value: Value
            if let name {
                guard case .dictionary(let mapping) = values else {
                    throw TemplateError(.type, "format requires a mapping")
                }
                guard let member = mapping[name] else { throw TemplateError(.value, "no value named '\(name)'") }
                usesNames = true
                value = member
            } else {
                guard let next = positional.popLast() else {
                    throw TemplateError(.type, "not enough arguments for format string")
                }
                value = next
            }
            let piece = try specification.apply(kind, to: value, self)
            try create(bytes: result.utf8.count / 16 + piece.utf8.count)
            result += piece
        }
        if !positional.isEmpty, !usesNames, !isMapping(values) {
            throw TemplateError(.type, "not all arguments converted during string formatting")
        }
        return result
    }

    private func isMapping(_ value: Value) -> Bool { if case .dictionary = value { true } else { false } }

    /// Fields `{}`, `{0}`, `{name}` with `!r` or `!s` and a simple specification such as `:>8` or `:.2f`.
    func formatted(braces format: String, _ arguments: Arguments) throws(TemplateError) -> String {
        var source = Array(format.unicodeScalars)[...]
        var result = ""
        var next: Int? = 0
        while let scalar = source.popFirst() {
            if (scalar == "{" || scalar == "}") && source.first == scalar {
                source.removeFirst()
                result.unicodeScalars.append(scalar)
            } else if scalar == "}" {
                throw TemplateError(.value, "single '}' encountered in format string")
            } else if scalar == "{" {
                let field = source.prefix { $0 != "}" }
                guard field.count < source.count else {
                    throw TemplateError(.value, "expected '}' before end of string")
                }
                source = source.dropFirst(field.count + 1)
                let piece = try self.field(String(scalars: field), arguments, &next)
                try create(bytes: result.utf8.count / 16 + piece.utf8.count)
                result += piece
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private var mixedNumbering: TemplateError {
        TemplateError(.value, "fields are either all numbered or none is")
    }

    private func field(_ field: String, _ arguments: Arguments, _ next: inout Int?) throws(TemplateError) -> String {
        try step()
        let parts = field.pythonSplit(":", limit: 1)
        let head = parts[0].pythonSplit("!", limit: 1)
        var value: Value?
        if head[0].isEmpty {
            guard let index = next else { throw mixedNumbering }
            value = arguments.positional.indices.contains(index) ? arguments.positional[index] : nil
            next = index + 1
        } else if let index = Int(head[0]) {
            guard next == nil || next == 0 else { throw mixedNumbering }
            next = nil
            value = arguments.positional.indices.contains(index) ? arguments.positional[index] : nil
        } else {
            try step(arguments.named.count / 16)
            value = arguments.named.first { sameText($0.name, head[0]) }?.value
        }
        guard var value else { throw TemplateError(.value, "no value for the field '{\(field)}'") }
        if head.count == 2 {
            guard sameText(head[1], "r") || sameText(head[1], "s") else { throw TemplateError(.value, "unknown conversion '!\(head[1])'") }
            value = .string(sameText(head[1], "r") ? try repr(of: value) : try text(of: value))
        }
        guard parts.count == 2, !parts[1].isEmpty else { return try text(of: value) }
        var source = Array(parts[1].unicodeScalars)[...]
        var specification = try FormatSpecification(braces: &source)
        let kind = source.popFirst()
        guard source.isEmpty else { throw TemplateError(.value, "unsupported format specification '\(parts[1])'") }
        if case .string = value { specification.alignsLeftByDefault = true }
        if let kind { return try specification.apply(kind, to: value, self) }
        switch value {
        case .number where specification.precision != nil: return try specification.apply("g", to: value, self)
        case .integer, .bool: return try specification.apply("d", to: value, self)
        default: return try specification.apply("s", to: value, self)
        }
    }
}

/// Width, alignment, sign and precision of one field.
struct FormatSpecification {
    private var fill: Unicode.Scalar = " "
    private var alignment: Unicode.Scalar?
    private var sign = ""
    private var isAlternate = false
    private var groups = false
    private var width = 0
    private(set) var precision: Int?
    var alignsLeftByDefault = false

    /// `-+ #0` flags, width, `.precision`.
    init(percent source: inout ArraySlice<Unicode.Scalar>) throws(TemplateError) {
        while let flag = source.first, "-+ #0".unicodeScalars.contains(flag) {
            source.removeFirst()
            switch flag {
            case "-": alignment = "<"
            case "0": if alignment == nil { (fill, alignment) = ("0", "=") }
            case "#": isAlternate = true
            default: sign = String(Character(flag))
            }
        }
        if alignment == "<" { fill = " " }
        try readSizes(&source)
    }

    /// `[[fill]align][sign][#][0][width][,][.precision]`.
    init(braces source: inout ArraySlice<Unicode.Scalar>) throws(TemplateError) {
        func isAlignment(_ scalar: Unicode.Scalar?) -> Bool { scalar.map { "<>=^".unicodeScalars.contains($0) } ?? false }
        if source.count > 1, isAlignment(source[source.startIndex + 1]) { fill = source.removeFirst() }
        if isAlignment(source.first) { alignment = source.removeFirst() }
        if let flag = source.first, "+- ".unicodeScalars.contains(flag) {
            source.removeFirst()
            sign = flag == "-" ? "" : String(Character(flag))
        }
        if source.first == "#" {
            source.removeFirst()
            isAlternate = true
        }
        if source.first == "0", alignment == nil { (fill, alignment) = ("0", "=") }
        try readSizes(&source)
    }

    private mutating func readSizes(_ source: inout ArraySlice<Unicode.Scalar>) throws(TemplateError) {
        width = try number(&source) ?? 0
        if source.first == "," {
            source.removeFirst()
            groups = true
        }
        if source.first == "." {
            source.removeFirst()
            precision = try number(&source) ?? 0
        }
    }

    private func number(_ source: inout ArraySlice<Unicode.Scalar>) throws(TemplateError) -> Int? {
        let digits = source.prefix { ("0"..."9").contains($0) }
        source = source.dropFirst(digits.count)
        if digits.isEmpty { return nil }
        guard let number = Int(String(scalars: digits)), number <= 1000 else {
            throw TemplateError(.limitExceeded, "a field is wider than 1000")
        }
        return number
    }

    func apply(_ kind: Unicode.Scalar, to value: Value, _ meter: Meter) throws(TemplateError) -> String {
        switch kind {
        case "s", "r":
            let whole = kind == "s" ? try meter.text(of: value) : try meter.repr(of: value)
            let text = precision.map { String(whole.unicodeScalars.prefix($0)) } ?? whole
            return padded("", text, defaultAlignment: alignsLeftByDefault ? "<" : ">")
        case "d", "i", "u": return integer(try whole(value), radix: 10)
        case "x": return integer(try whole(value), radix: 16, prefix: "0x")
        case "X": return integer(try whole(value), radix: 16, prefix: "0X", uppercase: true)
        case "o": return integer(try whole(value), radix: 8, prefix: "0o")
        case "e", "E", "f", "F", "g", "G", "%":
            let number = try Filters.number(value, "a format") * (kind == "%" ? 100 : 1)
            let conversion = kind == "%" ? "f" : String(Character(kind))
            let digits = String(format: "%.\(precision ?? 6)\(conversion)", number.magnitude)
            return signed(isNegative: number.sign == .minus && !number.isNaN, digits + (kind == "%" ? "%" : ""))
        case "c":
            if case .string(let text) = value, text.unicodeScalars.count == 1 {
                return padded("", text, defaultAlignment: ">")
            }
            guard let scalar = value.integerValue.flatMap({ UInt32(exactly: $0) }).flatMap(Unicode.Scalar.init) else {
                throw TemplateError(.type, "%c requires int or char")
            }
            return padded("", String(Character(scalar)), defaultAlignment: ">")
        default: throw TemplateError(.value, "unsupported format character '\(kind)'")
        }
    }

    private func whole(_ value: Value) throws(TemplateError) -> Int {
        if let integer = value.integerValue { return integer }
        let number = try Filters.number(value, "a format")
        guard let integer = Int(exactly: number.rounded(.towardZero)) else {
            throw TemplateError(.value, "the integer does not fit 64 bits")
        }
        return integer
    }

    private func integer(_ value: Int, radix: Int, prefix: String = "", uppercase: Bool = false) -> String {
        var digits = String(value.magnitude, radix: radix, uppercase: uppercase)
        if let precision, digits.count < precision {
            digits = String(repeating: "0", count: precision - digits.count) + digits
        }
        return signed(isNegative: value < 0, digits, prefix: isAlternate ? prefix : "")
    }

    private func signed(isNegative: Bool, _ digits: String, prefix: String = "") -> String {
        var digits = digits
        if groups {
            let whole = digits.prefix { $0.isNumber }
            var grouped = ""
            for (index, digit) in whole.enumerated() {
                if index > 0, (whole.count - index) % 3 == 0 { grouped += "," }
                grouped.append(digit)
            }
            digits = grouped + digits.dropFirst(whole.count)
        }
        return padded((isNegative ? "-" : sign) + prefix, digits, defaultAlignment: ">")
    }

    private func padded(_ lead: String, _ text: String, defaultAlignment: Unicode.Scalar) -> String {
        let missing = max(0, width - lead.unicodeScalars.count - text.unicodeScalars.count)
        let filler = String(repeating: Character(fill), count: missing)
        switch alignment ?? defaultAlignment {
        case "<": return lead + text + filler
        case "=": return lead + filler + text
        case "^":
            let left = String(repeating: Character(fill), count: missing / 2)
            return left + lead + text + String(repeating: Character(fill), count: missing - missing / 2)
        default: return filler + lead + text
        }
    }
}
