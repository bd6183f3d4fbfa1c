import Foundation
import JSON

/// Reads Python's keyword arguments (`a=1, b='x'`) whose values are literals.
struct PythonArguments {
    /// Nesting of lists and dictionaries.
    static let mostDepth = 64

    private let bytes: [UInt8]
    private var index = 0

    /// nil: they are something else.
    static func parse(_ bytes: [UInt8]) -> JSONObject? {
        var reader = PythonArguments(bytes: bytes)
        return reader.arguments()
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte.isJSONSpace { index += 1 }
    }

    /// Skips white space and this byte.
    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard next == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    private mutating func arguments() -> JSONObject? {
        var members: [(String, JSONValue)] = []
        skipSpace()
        while next != nil {
            guard let name = word(), !name.isEmpty, skip("="), let value = value(depth: 0) else { return nil }
            members.append((name, value))
            skipSpace()
            guard next == nil || skip(",") else { return nil }
            skipSpace()
        }
        return JSONObject(members)
    }

    private mutating func value(depth: Int) -> JSONValue? {
        guard depth < Self.mostDepth else { return nil }
        skipSpace()
        switch next {
        case UInt8(ascii: "'"), UInt8(ascii: "\""): return string().map(JSONValue.string)
        case UInt8(ascii: "["): return list(end: "]", depth: depth)
        case UInt8(ascii: "("): return list(end: ")", depth: depth)
        case UInt8(ascii: "{"): return dictionary(depth: depth)
        default: return scalar()
        }
    }

    private mutating func list(end: Unicode.Scalar, depth: Int) -> JSONValue? {
        index += 1
        var elements: [JSONValue] = []
        while !skip(end) {
            guard let element = value(depth: depth + 1) else { return nil }
            elements.append(element)
            guard skip(",") || next == UInt8(ascii: end) else { return nil }
        }
        return .array(elements)
    }

    private mutating func dictionary(depth: Int) -> JSONValue? {
        index += 1
        var members: [(String, JSONValue)] = []
        while !skip("}") {
            guard let key = value(depth: depth + 1), skip(":"), let value = value(depth: depth + 1) else { return nil }
            members.append((key.stringValue ?? key.serialized(), value))
            guard skip(",") || next == UInt8(ascii: "}") else { return nil }
        }
        return .object(JSONObject(members))
    }

    private mutating func word() -> String? {
        let start = index
        while let byte = next, byte >= 0x80 || byte.isPythonWord { index += 1 }
        return String(validating: bytes[start..<index], as: UTF8.self)
    }

    /// A number or a word: Python's or JSON's.
    private mutating func scalar() -> JSONValue? {
        let start = index
        while let byte = next, byte.isPythonWord || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") || byte == UInt8(ascii: ".") {
            index += 1
        }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        switch text {
        case "True", "true": return true
        case "False", "false": return false
        case "None", "null": return .null
        default:
            let plain = text.replacing("_", with: "")
            if let integer = Int64(plain) { return .integer(integer) }
            guard plain.first.map({ $0.isNumber || $0 == "-" || $0 == "." }) == true, let number = Double(plain), number.isFinite else { return nil }
            return .number(number)
        }
    }

    private mutating func string() -> String? {
        guard let quote = next else { return nil }
        index += 1
        var text: [UInt8] = []
        while let byte = next {
            index += 1
            if byte == quote { return String(decoding: text, as: UTF8.self) }
            guard byte == UInt8(ascii: "\\") else {
                text.append(byte)
                continue
            }
            guard let escape = next else { return nil }
            index += 1
            guard let decoded = decoded(escape) else { return nil }
            text += decoded
        }
        return nil
    }

    private mutating func decoded(_ escape: UInt8) -> [UInt8]? {
        switch escape {
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): return [escape]
        case 0x0A: return []
        case UInt8(ascii: "x"), UInt8(ascii: "u"), UInt8(ascii: "U"):
            let count = escape == UInt8(ascii: "x") ? 2 : escape == UInt8(ascii: "u") ? 4 : 8
            guard index + count <= bytes.count,
                let value = UInt32(String(decoding: bytes[index..<(index + count)], as: UTF8.self), radix: 16)
            else { return nil }
            index += count
            return Array(String(Character(Unicode.Scalar(value) ?? "\u{FFFD}")).utf8)
        default: return [UInt8(ascii: "\\"), escape]
        }
    }
}

extension UInt8 {
    /// A byte of an ASCII word or number.
    fileprivate var isPythonWord: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
