/// Python's `str` and `repr`.
extension Meter {
    /// What printing the value writes. Templates that print the arguments of a tool call expect the JSON text that the OpenAI API has.
    func text(of value: Value) throws(TemplateError) -> String {
        switch value {
        case .string(let text): return text
        case .undefined: return ""
        default:
            if case .dictionary(let mapping) = value, let text = mapping.text { return text }
            var writer = ReprWriter(meter: self)
            try writer.write(value)
            return writer.text
        }
    }

    func repr(of value: Value) throws(TemplateError) -> String {
        var writer = ReprWriter(meter: self)
        try writer.write(value)
        return writer.text
    }
}

private struct ReprWriter {
    let meter: Meter
    var text = ""

    init(meter: Meter) { self.meter = meter }

    mutating func write(_ value: Value) throws(TemplateError) {
        try meter.enter()
        defer { meter.leave() }
        switch value {
        case .undefined: try append("Undefined")
        case .none: try append("None")
        case .bool(let value): try append(value ? "True" : "False")
        case .integer(let value): try append(String(value))
        case .longInteger(let digits): try append(digits)
        case .number(let value): try append(pythonText(value))
        case .string(let text):
            try meter.read(text)
            try append(quoted(text))
        case .list(let elements): try write(elements.values, "[", "]")
        case .tuple(let elements): try write(elements.values, "(", elements.values.count == 1 ? ",)" : ")")
        case .view(let elements, let name): try write(elements.values, "\(name)([", "])")
        case .range(_, let description): try append(description)
        case .dictionary(let mapping): try write(mapping)
        case .namespace(let namespace):
            try append("<Namespace ")
            try write(Mapping(uniqueEntries: namespace.attributes.map { (.string($0.name), $0.value) }))
            try append(">")
        case .iterator: try append("<generator object>")
        case .loop(let loop): try append("<LoopContext \(loop.index0 + 1)/\(try loop.length())>")
        case .callable(.function(let function)): try append("<function \(function.rawValue)>")
        case .callable(.method(let receiver, let name)):
            try append("<built-in method \(name) of \(receiver.typeName) object>")
        case .callable(.macro(let macro)): try append("<Macro '\(macro.definition.name)'>")
        }
    }

    private mutating func append(_ piece: String) throws(TemplateError) {
        try meter.create(bytes: piece.utf8.count)
        text += piece
    }

    private mutating func write(_ values: [Value], _ open: String, _ close: String) throws(TemplateError) {
        try append(open)
        for (index, value) in values.enumerated() {
            if index > 0 { try append(", ") }
            try write(value)
        }
        try append(close)
    }

    private mutating func write(_ mapping: Mapping) throws(TemplateError) {
        try append("{")
        for (index, entry) in mapping.entries.enumerated() {
            if index > 0 { try append(", ") }
            try write(entry.key)
            try append(": ")
            try write(entry.value)
        }
        try append("}")
    }

    private func quoted(_ text: String) -> String {
        let quote: Unicode.Scalar =
            text.utf8.contains(UInt8(ascii: "'")) && !text.utf8.contains(UInt8(ascii: "\"")) ? "\"" : "'"
        var result = String.UnicodeScalarView()
        result.append(quote)
        for scalar in text.unicodeScalars {
            switch scalar {
            case quote, "\\":
                result.append("\\")
                result.append(scalar)
            case "\n": result.append(contentsOf: "\\n".unicodeScalars)
            case "\r": result.append(contentsOf: "\\r".unicodeScalars)
            case "\t": result.append(contentsOf: "\\t".unicodeScalars)
            default:
                if isPrintable(scalar) {
                    result.append(scalar)
                } else {
                    result.append(contentsOf: escape(scalar).unicodeScalars)
                }
            }
        }
        result.append(quote)
        return String(result)
    }

    private func escape(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16)
        let (letter, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
        return "\\" + letter + String(repeating: "0", count: width - digits.count) + digits
    }

    private func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        case .spaceSeparator: scalar == " "
        default: true
        }
    }
}
