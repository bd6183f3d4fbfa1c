/// Jinja's tests: `value is name(arguments)`.
enum Tests {
    typealias Test = @Sendable (Interpreter, Value, Arguments) throws(TemplateError) -> Bool

    static let table: [String: Test] = kinds.merging(comparisons) { first, _ in first }

    private static let kinds: [String: Test] = [
        "defined": of { !$0.isUndefined },
        "undefined": of { $0.isUndefined },
        "none": of { $0.isNone },
        "boolean": of { if case .bool = $0 { true } else { false } },
        "true": of { if case .bool(true) = $0 { true } else { false } },
        "false": of { if case .bool(false) = $0 { true } else { false } },
        "integer": of {
            switch $0 {
            case .integer, .longInteger: true
            default: false
            }
        },
        "float": of { if case .number = $0 { true } else { false } },
        "number": of { $0.doubleValue != nil },
        "string": of { if case .string = $0 { true } else { false } },
        "mapping": of { if case .dictionary = $0 { true } else { false } },
        "sequence": of { value in
            switch value {
            case .string, .list, .tuple, .range, .dictionary, .undefined: true
            default: false
            }
        },
        "iterable": of { value in
            switch value {
            case .string, .list, .tuple, .range, .view, .iterator, .dictionary, .undefined, .loop: true
            default: false
            }
        },
        "callable": of { value in
            switch value {
            case .callable, .undefined, .loop: true
            default: false
            }
        },
        "escaped": of { _ in false },
        "lower": { interpreter, value, _ throws(TemplateError) in
            try interpreter.meter.read(value)
            return isCased(try interpreter.meter.text(of: value)) { $0.properties.isLowercase }
        },
        "upper": { interpreter, value, _ throws(TemplateError) in
            try interpreter.meter.read(value)
            return isCased(try interpreter.meter.text(of: value)) { $0.properties.isUppercase }
        },
        "odd": { interpreter, value, _ throws(TemplateError) in try remainder(value, 2, interpreter) == 1 },
        "even": { interpreter, value, _ throws(TemplateError) in try remainder(value, 2, interpreter) == 0 },
        "divisibleby": { interpreter, value, arguments throws(TemplateError) in
            let divisor = try arguments.bind("divisibleby()", "num", required: 1)[0] ?? .none
            return try interpreter.meter.equal(interpreter.meter.binary(.modulo, value, divisor), .integer(0))
        },
        "filter": of { if case .string(let name) = $0 { isShort(name) && Filters.table[name] != nil } else { false } },
        "test": of { if case .string(let name) = $0 { hasTest(name) } else { false } },
    ]

    private static let comparisons: [String: Test] = [
        "eq": comparison(.equal), "equalto": comparison(.equal), "==": comparison(.equal),
        "ne": comparison(.notEqual), "!=": comparison(.notEqual),
        "lt": comparison(.less), "lessthan": comparison(.less), "<": comparison(.less),
        "le": comparison(.lessOrEqual), "<=": comparison(.lessOrEqual),
        "gt": comparison(.greater), "greaterthan": comparison(.greater), ">": comparison(.greater),
        "ge": comparison(.greaterOrEqual), ">=": comparison(.greaterOrEqual),
        "in": comparison(.isIn),
        "sameas": { interpreter, value, arguments throws(TemplateError) in
            let other = try arguments.bind("sameas()", "other", required: 1)[0] ?? .none
            return value.typeName == other.typeName ? try interpreter.meter.equal(value, other) : false
        },
    ]

    private static func of(_ test: @escaping @Sendable (Value) -> Bool) -> Test {
        { _, value, arguments throws(TemplateError) in
            _ = try arguments.bind("the test")
            return test(value)
        }
    }

    private static func comparison(_ operation: Comparison) -> Test {
        { interpreter, value, arguments throws(TemplateError) in
            let other = try arguments.bind("the test", "other", required: 1)[0] ?? .none
            return try interpreter.meter.compare(value, operation, other)
        }
    }

    private static func hasTest(_ name: String) -> Bool { isShort(name) && table[name] != nil }
    private static func isShort(_ name: String) -> Bool { name.utf8.count <= Methods.longestName }

    private static func remainder(_ value: Value, _ divisor: Int, _ interpreter: Interpreter) throws(TemplateError) -> Int? {
        try interpreter.meter.binary(.modulo, value, .integer(divisor)).doubleValue.flatMap { Int(exactly: $0) }
    }

    /// `islower` and `isupper`: some character has the case, none the other.
    static func isCased(_ text: String, _ hasCase: (Unicode.Scalar) -> Bool) -> Bool {
        let cased = text.unicodeScalars.filter(\.properties.isCased)
        return !cased.isEmpty && cased.allSatisfy(hasCase)
    }
}
