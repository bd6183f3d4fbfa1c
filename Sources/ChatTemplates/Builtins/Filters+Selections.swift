/// Filters that run a filter or a test on each element. They answer iterators: true even when empty, read once.
extension Filters {
    static let selections: [String: Filter] = [
        "map": { interpreter, value, arguments throws(TemplateError) in try mapped(value, arguments, interpreter) },
        "select": { interpreter, value, arguments throws(TemplateError) in
            try selected(value, arguments, byAttribute: false, keeps: true, interpreter)
        },
        "reject": { interpreter, value, arguments throws(TemplateError) in
            try selected(value, arguments, byAttribute: false, keeps: false, interpreter)
        },
        "selectattr": { interpreter, value, arguments throws(TemplateError) in
            try selected(value, arguments, byAttribute: true, keeps: true, interpreter)
        },
        "rejectattr": { interpreter, value, arguments throws(TemplateError) in
            try selected(value, arguments, byAttribute: true, keeps: false, interpreter)
        },
    ]

    private static func mapped(
        _ value: Value, _ arguments: Arguments, _ interpreter: Interpreter
    ) throws(TemplateError) -> Value {
        let elements = value.isTrue ? try interpreter.meter.elements(of: value) : []
        try interpreter.meter.create(elements: elements.count)
        var results: [Value] = []
        if arguments.positional.isEmpty, let attribute = arguments.named.first(where: { $0.name == "attribute" }) {
            if let unexpected = arguments.named.first(where: { $0.name != "attribute" && $0.name != "default" }) {
                throw TemplateError(.type, "Unexpected keyword argument '\(unexpected.name)'")
            }
            let fallback = arguments.named.first { $0.name == "default" }?.value
            let getter = try AttributeGetter(attribute.value, interpreter, fallback: fallback)
            for element in elements { results.append(try getter.value(of: element)) }
        } else {
            var rest = arguments
            let name = try takeName(&rest, "map requires a filter argument")
            for element in elements { results.append(try interpreter.apply(filter: name, to: element, rest)) }
        }
        return .iterator(results)
    }

    private static func selected(
        _ value: Value, _ arguments: Arguments, byAttribute: Bool, keeps: Bool, _ interpreter: Interpreter
    ) throws(TemplateError) -> Value {
        var rest = arguments
        var getter: AttributeGetter?
        if byAttribute {
            guard !rest.positional.isEmpty else { throw TemplateError(.type, "Missing parameter for attribute name") }
            getter = try AttributeGetter(rest.positional.removeFirst(), interpreter)
        }
        let test = rest.positional.isEmpty ? nil : try takeName(&rest, "a test's name is missing")
        let elements = value.isTrue ? try interpreter.meter.elements(of: value) : []
        try interpreter.meter.create(elements: elements.count)
        var results: [Value] = []
        for element in elements {
            try interpreter.meter.step()
            let subject = try getter?.value(of: element) ?? element
            let passes = if let test { try interpreter.test(test, subject, rest) } else { subject.isTrue }
            if passes == keeps { results.append(element) }
        }
        return .iterator(results)
    }

    private static func takeName(_ arguments: inout Arguments, _ message: String) throws(TemplateError) -> String {
        guard !arguments.positional.isEmpty, case .string(let name) = arguments.positional.removeFirst() else {
            throw TemplateError(.type, message)
        }
        return name
    }
}
