internal import MergeMethods

/// What a scalar of a recipe is: PyYAML's reading of YAML 1.1, which mergekit uses. A number such as `1e-5` is text there, and
/// becomes a number where one is expected.
enum RecipeScalar: Sendable, Equatable {
    case null
    case flag(Bool)
    case number(Double)
    case text(String)

    /// Of a scalar without quotes.
    init(plain text: String) {
        switch text {
        case "", "~", "null", "Null", "NULL": self = .null
        case "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON": self = .flag(true)
        case "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF": self = .flag(false)
        default: self = Self.radixNumber(text).map(Self.number) ?? Self.decimalNumber(text).map(Self.number) ?? .text(text)
        }
    }

    /// As pydantic makes a value of this kind of it; a flag is 0 or 1. Nil where it refuses, and for numbers that are not finite.
    func value(_ kind: MergeParameter.Kind) -> Double? {
        switch (self, kind) {
        case (.null, _): return nil
        case (.flag(let flag), _): return flag ? 1 : 0
        case (.number(let number), .number): return number.isFinite ? number : nil
        case (.number(let number), .flag): return number == 0 || number == 1 ? number : nil
        case (.number(let number), .count): return number == number.rounded() && number.magnitude < 0x1p53 ? number : nil
        case (.text(let text), .flag): return Self.flag(text)
        case (.text(let text), .number): return Self.number(text)
        case (.text(let text), .count): return Self.count(text)
        }
    }

    /// A whole number.
    var count: Int? { value(.count).map { Int($0) } }

    // What PyYAML reads as numbers:

    private static func radixNumber(_ text: String) -> Double? {
        var digits = text.utf8[...]
        let sign = digits.first.flatMap { $0 == UInt8(ascii: "-") ? -1.0 : $0 == UInt8(ascii: "+") ? 1.0 : nil }
        if sign != nil { digits = digits.dropFirst() }
        guard digits.count > 1, digits.first == UInt8(ascii: "0"), let mark = digits.dropFirst().first else { return nil }
        let radix: Int
        switch mark {
        case UInt8(ascii: "x"): (radix, digits) = (16, digits.dropFirst(2))
        case UInt8(ascii: "b"): (radix, digits) = (2, digits.dropFirst(2))
        default: radix = 8
        }
        let plain = String(decoding: digits.filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
        // `Int(_:radix:)` takes a sign of its own.
        guard plain.utf8.first.map({ $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: "+") }) == true else { return nil }
        return Int(plain, radix: radix).map { Double($0) * (sign ?? 1) }
    }

    /// Digits with a point, or without; an exponent needs a point before it and a sign.
    private static func decimalNumber(_ text: String) -> Double? {
        let body = text.first == "-" || text.first == "+" ? text.dropFirst() : text[...]
        guard let first = body.utf8.first, isDigit(first) || first == UInt8(ascii: ".") else { return nil }
        let hasPoint = body.contains(".")
        if !hasPoint {
            guard body == "0" || first != UInt8(ascii: "0"), body.utf8.allSatisfy({ isDigit($0) || $0 == UInt8(ascii: "_") }) else { return nil }
        }
        if let exponent = body.firstIndex(where: { $0 == "e" || $0 == "E" }) {
            guard let sign = body[exponent...].dropFirst().first, sign == "-" || sign == "+" else { return nil }
        }
        return double(text.filter { $0 != "_" })
    }

    // What pydantic makes of texts:

    private static func flag(_ text: String) -> Double? {
        switch text.lowercased() {
        case "1", "on", "t", "true", "y", "yes": 1
        case "0", "off", "f", "false", "n", "no": 0
        default: nil
        }
    }

    private static func number(_ text: String) -> Double? {
        guard let plain = trimmed(text) else { return nil }
        return double(plain).flatMap { $0.isFinite ? $0 : nil }
    }

    private static func count(_ text: String) -> Double? {
        guard var plain = trimmed(text) else { return nil }
        if let point = plain.firstIndex(of: ".") {
            let zeros = plain[point...].dropFirst()
            guard !zeros.isEmpty, zeros.allSatisfy({ $0 == "0" }) else { return nil }
            plain = String(plain[..<point])
        }
        return Int(plain).flatMap { $0.magnitude < 1 << 53 ? Double($0) : nil }
    }

    /// Without blanks around it and without single `_` between digits.
    private static func trimmed(_ text: String) -> String? {
        var body = text[...]
        while body.first?.isWhitespace == true { body.removeFirst() }
        while body.last?.isWhitespace == true { body.removeLast() }
        guard body.contains("_") else { return String(body) }
        guard body.first != "_", body.last != "_", !body.contains("__") else { return nil }
        return body.filter { $0 != "_" }
    }

    /// Only decimal: Swift's own reading takes hexadecimal numbers, `inf` and `nan` as well.
    private static func double(_ text: String) -> Double? {
        guard text.utf8.allSatisfy({ isDigit($0) || Set("+-.eE".utf8).contains($0) }) else { return nil }
        return Double(text)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
