/// A path such as `function.name` or `0`, as filters take it in `attribute`.
struct AttributeGetter {
    private let parts: [Value]
    private let fallback: Value?
    private let interpreter: Interpreter

    /// Nil or none stands for the element itself; `fallback` replaces what is undefined on the way.
    init(_ attribute: Value?, _ interpreter: Interpreter, fallback: Value? = nil) throws(TemplateError) {
        self.interpreter = interpreter
        self.fallback = fallback
        switch attribute {
        case nil, .some(.none): parts = []
        case .integer(let index)?: parts = [.integer(index)]
        case .string(let path)?:
            try interpreter.meter.read(path)
            parts = path.pythonSplit(".", limit: -1).map { part in
                !part.isEmpty && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
                    ? Int(part).map { .integer($0) } ?? .string(part) : .string(part)
            }
        case .some(let other): throw TemplateError(.type, "an attribute can't be '\(other.typeName)'")
        }
    }

    func value(of element: Value) throws(TemplateError) -> Value {
        var value = element
        for part in parts {
            try interpreter.meter.step()
            value = try interpreter.item(part, of: value)
            if value.isUndefined, let fallback, !fallback.isNone { value = fallback }
        }
        return value
    }

    /// The value, strings without their case unless that matters.
    func key(of element: Value, caseSensitive: Bool) throws(TemplateError) -> Value {
        let value = try value(of: element)
        guard !caseSensitive, case .string(let text) = value else { return value }
        try interpreter.meter.read(text)
        try interpreter.meter.create(bytes: text.utf8.count)
        return .string(text.pythonLower)
    }
}
