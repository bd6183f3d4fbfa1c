import JSON

/// Whether a constant satisfies the other keywords beside it. Only what is cheap to see: types, bounds and lengths.
struct SchemaCheck {
    private let compiler: SchemaCompiler

    init(_ compiler: SchemaCompiler) { self.compiler = compiler }

    func accepts(_ value: JSONValue, _ places: [Int]) -> Bool { places.allSatisfy { accepts(value, compiler.object($0)) } }

    private func accepts(_ value: JSONValue, _ schema: JSONObject) -> Bool {
        switch value {
        case .integer, .longInteger, .number:
            guard let number = value.doubleValue else { return true }
            if let bound = schema["minimum"]?.doubleValue, number < bound || (number == bound && schema["exclusiveMinimum"] == true) { return false }
            if let bound = schema["maximum"]?.doubleValue, number > bound || (number == bound && schema["exclusiveMaximum"] == true) { return false }
            if let bound = schema["exclusiveMinimum"]?.doubleValue, number <= bound { return false }
            if let bound = schema["exclusiveMaximum"]?.doubleValue, number >= bound { return false }
            return true
        case .string(let text):
            let length = text.unicodeScalars.count
            if let bound = schema["minLength"]?.doubleValue, Double(length) < bound { return false }
            if let bound = schema["maxLength"]?.doubleValue, Double(length) > bound { return false }
            guard let pattern = schema["pattern"]?.stringValue else { return true }
            do throws(GrammarError) {
                let builder = compiler.builder
                let automaton = try builder.automaton(ExpressionParser.parse(pattern, limits: builder.limits).searched, .plain)
                return automaton.map { $0.label(of: text.utf8) != 0 } ?? false
            } catch {
                // A pattern that is not supported forbids nothing.
                return true
            }
        case .array(let elements):
            if let bound = schema["minItems"]?.doubleValue, Double(elements.count) < bound { return false }
            if let bound = schema["maxItems"]?.doubleValue, Double(elements.count) > bound { return false }
            return true
        case .object(let members):
            return (schema["required"]?.arrayValue ?? []).allSatisfy { $0.stringValue.map { members[$0] != nil } ?? true }
        case .null, .bool: return true
        }
    }
}
