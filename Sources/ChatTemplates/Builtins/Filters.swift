/// Jinja's filters: `value | name(arguments)`.
enum Filters {
    typealias Filter = @Sendable (Interpreter, Value, Arguments) throws(TemplateError) -> Value

    static let table: [String: Filter] = texts.merging(sequences) { first, _ in first }
        .merging(selections) { first, _ in first }
        .merging(scalars) { first, _ in first }

    /// They do not visit what they are given; the length of a text is charged where it is counted.
    static let ofConstantCost: Set<String> = ["default", "d", "length", "count"]

    /// Filters that make one value of one value.
    private static let scalars: [String: Filter] = [
        "abs": { _, value, arguments throws(TemplateError) in
            _ = try arguments.bind("abs()")
            if let integer = value.integerValue {
                guard integer != .min else { throw TemplateError(.value, "the integer does not fit 64 bits") }
                return .integer(abs(integer))
            }
            return .number(abs(try number(value, "abs()")))
        },
        "default": fallback, "d": fallback,
        "length": length, "count": length,
        "int": { _, value, arguments throws(TemplateError) in try integer(value, arguments) },
        "float": { _, value, arguments throws(TemplateError) in
            let fallback = try arguments.bind("float()", "default")[0]
            if let number = value.doubleValue { return .number(number) }
            if case .string(let text) = value, let number = pythonDouble(text) { return .number(number) }
            if case .undefined(let undefined) = value { throw undefined.error }
            return fallback ?? .number(0)
        },
        "round": { _, value, arguments throws(TemplateError) in try rounded(value, arguments) },
        "tojson": { interpreter, value, arguments throws(TemplateError) in
            .string(try JSONText.dumps(value, arguments, interpreter.meter))
        },
        "attr": { interpreter, value, arguments throws(TemplateError) in
            let name = try arguments.bind("attr()", "name", required: 1)[0].string("attr()", or: "")
            if case .dictionary(let mapping) = value, mapping[name] != nil,
                !Methods.dictionary.contains(name), !Methods.unsafeDictionary.contains(name)
            {
                return .missing(name, in: value)
            }
            return try interpreter.attribute(name, of: value)
        },
    ]

    private static let fallback: Filter = { _, value, arguments throws(TemplateError) in
        let values = try arguments.bind("default()", "default_value", "boolean")
        return value.isUndefined || (values[1].isTrue && !value.isTrue) ? values[0] ?? .string("") : value
    }

    private static let length: Filter = { interpreter, value, arguments throws(TemplateError) in
        _ = try arguments.bind("length()")
        switch value {
        case .undefined: return .integer(0)
        case .string(let text):
            try interpreter.meter.read(text)
            return .integer(text.unicodeScalars.count)
        case .list(let elements), .tuple(let elements), .view(let elements, _), .range(let elements, _):
            return .integer(elements.values.count)
        case .dictionary(let mapping): return .integer(mapping.entries.count)
        case .loop(let loop): return .integer(try loop.length())
        default: throw TemplateError(.type, "object of type '\(value.typeName)' has no len()")
        }
    }

    static func number(_ value: Value, _ callee: String) throws(TemplateError) -> Double {
        if case .undefined(let undefined) = value { throw undefined.error }
        guard let number = value.doubleValue else {
            throw TemplateError(.type, "\(callee) needs a number, not '\(value.typeName)'")
        }
        return number
    }

    private static func integer(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let values = try arguments.bind("int()", "default", "base")
        let fallback = values[0] ?? .integer(0)
        switch value {
        case .undefined(let undefined): throw undefined.error
        case .string(let text):
            if let integer = pythonInteger(text, base: try values[1].integer("int()", or: 10)) {
                return .integer(integer)
            }
            return try pythonDouble(text).map(truncated) ?? fallback
        case .number(let number): return number.isFinite ? try truncated(number) : fallback
        default: return value.integerValue.map { .integer($0) } ?? fallback
        }
    }

    private static func truncated(_ number: Double) throws(TemplateError) -> Value {
        guard let integer = Int(exactly: number.rounded(.towardZero)) else {
            throw TemplateError(.value, "the integer does not fit 64 bits")
        }
        return .integer(integer)
    }

    private static func rounded(_ value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        let values = try arguments.bind("round()", "precision", "method")
        let number = try number(value, "round()")
        let precision = try values[0].integer("round()", or: 0)
        let method = try values[1].string("round()", or: "common")
        guard (-400...400).contains(precision) else { throw TemplateError(.value, "a precision of \(precision) digits") }
        if sameText(method, "common") {
            // Python rounds integers to integers.
            if case .number = value { return .number(pythonRounded(number, digits: precision)) }
            return precision >= 0 ? value : try truncated(pythonRounded(number, digits: precision))
        }
        guard sameText(method, "ceil") || sameText(method, "floor") else {
            throw TemplateError(.value, "method must be common, ceil or floor")
        }
        let unit = pythonPower(10, precision)
        let scaled = (number * unit).rounded(sameText(method, "ceil") ? .up : .down)
        return .number(scaled / unit)
    }
}
