import Generation
import JSON

/// One call in Qwen3-Coder's tags. Values are untyped text; the function's schema says what they are.
struct ParameterCall: CallScanner {
    private enum Place { case open, objects, function, name, body, key, value, closing }

    /// `<tool_call>` stands before it.
    private let isInTag: Bool
    private var closing = ClosingText(CallFormat.parameters.closings)
    private var objects = ObjectCalls(.single, closings: CallFormat.parameters.closings)
    private var place: Place
    /// What is being read.
    private var text: [UInt8] = []
    private var name = ""
    private var key = ""
    private var parameters = 0

    private static let opening = Array("<function=".utf8)
    private static let ending = Array("</function>".utf8)
    private static let parameter = Array("<parameter=".utf8)
    private static let parameterEnd = Array("</parameter>".utf8)

    init(isInTag: Bool) {
        self.isInTag = isInTag
        place = isInTag ? .open : .name
    }

    mutating func take(_ byte: UInt8, _ sink: inout CallSink) -> CallScan {
        switch place {
        case .open:
            if byte.isJSONSpace { return .goesOn }
            place = byte == UInt8(ascii: "<") ? .function : .objects
            return take(byte, &sink)
        case .objects: return objects.take(byte, &sink)
        case .function:
            text.append(byte)
            guard Self.opening.starts(with: text) else { return .failed }
            if text == Self.opening { (place, text) = (.name, []) }
            return .goesOn
        case .name: return takeName(byte) { sink.begin($0) }
        case .key: return takeName(byte) { _ in true }
        case .body: return takeBody(byte, &sink)
        case .value:
            text.append(byte)
            if byte == UInt8(ascii: ">"), text.suffix(Self.parameterEnd.count).elementsEqual(Self.parameterEnd) { endValue(&sink) }
            return .goesOn
        case .closing: return closing.take(byte)
        }
    }

    /// The name of the function or of a parameter, up to `>`.
    private mutating func takeName(_ byte: UInt8, _ isKnown: (String) -> Bool) -> CallScan {
        guard byte == UInt8(ascii: ">") else {
            text.append(byte)
            return text.count <= CallObject.longestName ? .goesOn : .failed
        }
        let found = String(decoding: text, as: UTF8.self).trimmed
        text = []
        if place == .key {
            (key, place) = (found, .value)
        } else {
            (name, place) = (found, .body)
        }
        return isKnown(found) ? .goesOn : .failed
    }

    private mutating func takeBody(_ byte: UInt8, _ sink: inout CallSink) -> CallScan {
        if text.isEmpty, byte.isJSONSpace { return .goesOn }
        text.append(byte)
        if text == Self.parameter {
            (place, text) = (.key, [])
        } else if text == Self.ending {
            if parameters > 0 { sink.append("}".utf8) }
            sink.end()
            place = .closing
            return isInTag ? .goesOn : .ended(unread: 0)
        } else if !Self.parameter.starts(with: text), !Self.ending.starts(with: text) {
            return .failed
        }
        return .goesOn
    }

    private mutating func endValue(_ sink: inout CallSink) {
        var value = text.dropLast(Self.parameterEnd.count)
        if value.first == UInt8(ascii: "\n") { value.removeFirst() }
        if value.last == UInt8(ascii: "\n") { value.removeLast() }
        let schema = sink.functions[name]?.parameters?["properties"]?[key]
        let typed = Self.typed(String(decoding: value, as: UTF8.self), schema)
        sink.append("\(parameters == 0 ? "{" : ", ")\(JSONValue.string(key).serialized()): \(typed.serialized())".utf8)
        parameters += 1
        (place, text) = (.body, [])
    }

    /// The value that a text means where the schema says what it may be.
    private static func typed(_ text: String, _ schema: JSONValue?) -> JSONValue {
        let types = types(schema)
        guard types != ["string"] else { return .string(text) }
        let value: JSONValue
        do {
            // Python's words, which models write, too.
            let words = ["True": "true", "False": "false", "None": "null"]
            value = try JSONValue.parse(words[text.trimmed] ?? text.trimmed, maxElements: mostElements)
        } catch {
            // It is no JSON, so it is a text.
            return .string(text)
        }
        return !types.isEmpty && !types.contains(value.schemaType) && types.contains("string") ? .string(text) : value
    }

    private static let mostElements = 1 << 16

    private static func types(_ schema: JSONValue?) -> Set<String> {
        guard let schema else { return [] }
        if let type = schema["type"]?.stringValue { return type == "integer" ? ["integer", "number"] : [type] }
        if let types = schema["type"]?.arrayValue { return Set(types.compactMap(\.stringValue)) }
        if let cases = (schema["anyOf"] ?? schema["oneOf"])?.arrayValue {
            return Set(cases.compactMap { $0["type"]?.stringValue })
        }
        if let values = schema["enum"]?.arrayValue { return Set(values.map(\.schemaType)) }
        return []
    }

    mutating func finish(_ sink: inout CallSink) -> Int? {
        switch place {
        case .objects: objects.finish(&sink)
        case .closing: closing.unread
        default: nil
        }
    }
}

extension JSONValue {
    /// JSON Schema's name of its type.
    fileprivate var schemaType: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .integer, .longInteger: "integer"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}
