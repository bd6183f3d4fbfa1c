import JSON

/// Types of JSON values. Numbers are whole or have a fraction.
struct JSONTypes: OptionSet, Hashable {
    let rawValue: UInt8

    static let null = JSONTypes(rawValue: 1)
    static let boolean = JSONTypes(rawValue: 2)
    static let integer = JSONTypes(rawValue: 4)
    static let fraction = JSONTypes(rawValue: 8)
    static let string = JSONTypes(rawValue: 16)
    static let array = JSONTypes(rawValue: 32)
    static let object = JSONTypes(rawValue: 64)
    static let number: JSONTypes = [.integer, .fraction]
    static let all = JSONTypes(rawValue: 127)

    init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The value of `type`; nil where there is none.
    init?(_ value: JSONValue?) {
        guard let value else { return nil }
        let names = value.arrayValue?.compactMap(\.stringValue) ?? value.stringValue.map { [$0] } ?? []
        self = names.reduce(JSONTypes()) { $0.union(Self.named[$1] ?? []) }
    }

    init(of value: JSONValue) {
        switch value {
        case .null: self = .null
        case .bool: self = .boolean
        case .integer, .longInteger: self = .integer
        case .number(let number): self = number == number.rounded() ? .integer : .fraction
        case .string: self = .string
        case .array: self = .array
        case .object: self = .object
        }
    }

    static let named: [String: JSONTypes] = [
        "null": .null, "boolean": .boolean, "integer": .integer, "number": .number, "string": .string, "array": .array, "object": .object,
    ]
}

/// JSON values as this module writes them: whole numbers without a fraction, so that equal numbers have one text.
enum CanonicalJSON {
    static func text(_ value: JSONValue) -> String {
        switch value {
        case .integer, .longInteger, .null, .bool: return value.serialized()
        case .number(let number): return self.number(number)
        case .string(let text): return String(decoding: JSONText.quoted(text), as: UTF8.self)
        case .array(let elements): return "[" + elements.map(text).joined(separator: ",") + "]"
        case .object(let members):
            let sorted = members.map { (String(decoding: JSONText.quoted($0.key), as: UTF8.self), text($0.value)) }.sorted { $0.0 < $1.0 }
            return "{" + sorted.map { $0.0 + ":" + $0.1 }.joined(separator: ",") + "}"
        }
    }

    /// The digits of a number without an exponent, where it has few of them.
    static func number(_ value: Double) -> String {
        if value == value.rounded(), abs(value) < 9e18 { return String(Int64(value)) }
        guard abs(value) < 1e15, abs(value) >= 1e-15 else { return value.description }
        return Decimal(value).text
    }
}

/// A number as digits: `digits` with the point `scale` places from their end.
struct Decimal: Equatable {
    var isNegative: Bool
    /// Without leading zeros; empty is 0.
    var digits: [UInt8]
    var scale: Int

    /// The shortest digits that give this double.
    init(_ value: Double) {
        self.init(value.magnitude.description, isNegative: value < 0)
    }

    init(_ value: JSONValue) {
        switch value {
        case .integer(let number): self.init(String(number.magnitude), isNegative: number < 0)
        case .longInteger(let text): self.init(text.hasPrefix("-") ? String(text.dropFirst()) : text, isNegative: text.hasPrefix("-"))
        default: self.init(value.doubleValue ?? 0)
        }
    }

    private init(_ text: String, isNegative: Bool) {
        self.isNegative = isNegative
        let parts = text.lowercased().split(separator: "e")
        let exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        let mantissa = (parts.first ?? "0").split(separator: ".", omittingEmptySubsequences: false)
        let fraction = mantissa.count > 1 ? mantissa[1] : ""
        digits = (mantissa[0] + fraction).utf8.map { $0 - UInt8(ascii: "0") }
        scale = fraction.count - exponent
        while let first = digits.first, first == 0 { digits.removeFirst() }
        while let last = digits.last, last == 0, scale > 0 {
            digits.removeLast()
            scale -= 1
        }
        if scale < 0 {
            digits += [UInt8](repeating: 0, count: digits.isEmpty ? 0 : -scale)
            scale = 0
        }
        if digits.isEmpty { (self.isNegative, scale) = (false, 0) }
    }

    /// Digits before the point, without leading zeros; empty is 0.
    var whole: [UInt8] { digits.count > scale ? Array(digits.dropLast(scale)) : [] }

    /// Digits behind the point, without zeros at the end.
    var fraction: [UInt8] {
        var digits = [UInt8](repeating: 0, count: max(scale - self.digits.count, 0)) + self.digits.suffix(scale)
        while let last = digits.last, last == 0 { digits.removeLast() }
        return digits
    }

    var isZero: Bool { digits.isEmpty }

    var text: String {
        func text(_ digits: [UInt8]) -> String { String(decoding: digits.map { $0 + UInt8(ascii: "0") }, as: UTF8.self) }
        return (isNegative ? "-" : "") + (whole.isEmpty ? "0" : text(whole)) + (fraction.isEmpty ? "" : "." + text(fraction))
    }
}
