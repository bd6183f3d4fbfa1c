/// Python's `json.dumps`, as `transformers` offers it to templates: nothing escaped for HTML, letters kept as they are.
struct JSONText {
    private let meter: Meter
    private let indention: String?
    private let itemSeparator: String
    private let keySeparator: String
    private let sortsKeys: Bool
    private let isASCII: Bool
    private var text = ""

    /// Throws `type` for values that have no JSON: undefined, iterators, namespaces, functions.
    static func dumps(_ value: Value, _ arguments: Arguments, _ meter: Meter) throws(TemplateError) -> String {
        let values = try arguments.bind("tojson()", "ensure_ascii", "indent", "separators", "sort_keys")
        var writer = try JSONText(values, meter)
        try writer.write(value, level: 0)
        return writer.text
    }

    private init(_ values: [Value?], _ meter: Meter) throws(TemplateError) {
        self.meter = meter
        isASCII = values[0].isTrue
        sortsKeys = values[3].isTrue
        if case .string(let text)? = values[1] {
            indention = text
        } else if let width = try values[1].optionalInteger("tojson()") {
            guard width <= 1000 else { throw TemplateError(.limitExceeded, "an indent of more than 1000") }
            indention = String(repeating: " ", count: max(0, width))
        } else {
            indention = nil
        }
        switch values[2] {
        case nil, .some(.none):
            itemSeparator = indention == nil ? ", " : ","
            keySeparator = ": "
        case .some(let pair):
            let parts = try meter.elements(of: pair)
            guard parts.count == 2, case .string(let item) = parts[0], case .string(let key) = parts[1] else {
                throw TemplateError(.type, "separators are two strings")
            }
            itemSeparator = item
            keySeparator = key
        }
    }

    private mutating func append(_ piece: String) throws(TemplateError) {
        try meter.create(bytes: piece.utf8.count)
        guard text.utf8.count + piece.utf8.count <= meter.limits.outputBytes else {
            throw TemplateError(.limitExceeded, "a text is longer than \(meter.limits.outputBytes) bytes")
        }
        text += piece
    }

    private mutating func write(_ value: Value, level: Int) throws(TemplateError) {
        try meter.enter()
        defer { meter.leave() }
        switch value {
        case .none: try append("null")
        case .bool(let value): try append(value ? "true" : "false")
        case .integer(let value): try append(String(value))
        case .longInteger(let digits): try append(digits)
        case .number(let value): try append(number(value))
        case .string(let text): try append(try quoted(text))
        case .list(let elements), .tuple(let elements):
            guard !elements.values.isEmpty else { return try append("[]") }
            try append("[")
            for (index, element) in elements.values.enumerated() {
                try separate(index, level + 1)
                try write(element, level: level + 1)
            }
            try newLine(level)
            try append("]")
        case .dictionary(let mapping): try write(mapping, level: level)
        default: throw TemplateError(.type, "Object of type \(value.typeName) is not JSON serializable")
        }
    }

    private mutating func write(_ mapping: Mapping, level: Int) throws(TemplateError) {
        guard !mapping.entries.isEmpty else { return try append("{}") }
        var entries = mapping.entries
        if sortsKeys {
            let places = try sortedPlaces(entries.map(\.key))
            entries = places.map { entries[$0] }
        }
        try append("{")
        for (index, entry) in entries.enumerated() {
            try separate(index, level + 1)
            try append(try quoted(name(entry.key)) + keySeparator)
            try write(entry.value, level: level + 1)
        }
        try newLine(level)
        try append("}")
    }

    private func sortedPlaces(_ keys: [Value]) throws(TemplateError) -> [Int] {
        var places: [Int] = []
        for place in keys.indices {
            try meter.step(8)
            var low = 0
            var high = places.count
            while low < high {
                let middle = (low + high) / 2
                if try meter.less(keys[place], keys[places[middle]]) { high = middle } else { low = middle + 1 }
            }
            places.insert(place, at: low)
        }
        return places
    }

    private func name(_ key: Value) throws(TemplateError) -> String {
        switch key {
        case .string(let text): return text
        case .none: return "null"
        case .bool(let value): return value ? "true" : "false"
        case .integer(let value): return String(value)
        case .longInteger(let digits): return digits
        case .number(let value): return number(value)
        default: throw TemplateError(.type, "keys must be str, int, float, bool or None, not \(key.typeName)")
        }
    }

    private mutating func separate(_ index: Int, _ level: Int) throws(TemplateError) {
        if index > 0 { try append(itemSeparator) }
        try newLine(level)
    }

    private mutating func newLine(_ level: Int) throws(TemplateError) {
        guard let indention else { return }
        try meter.create(repeating: indention.utf8.count, count: level)
        try append("\n" + String(repeating: indention, count: level))
    }

    private func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
        return pythonText(value)
    }

    private func quoted(_ text: String) throws(TemplateError) -> String {
        try meter.read(text)
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{0C}": result += "\\f"
            case "\u{08}": result += "\\b"
            default:
                if scalar.value < 0x20 || (isASCII && scalar.value > 0x7E) {
                    for unit in String(Character(scalar)).utf16 { result += escape(unit) }
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }

    private func escape(_ unit: UInt16) -> String {
        let digits = String(unit, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }
}
