/// Attributes, elements and slices, with the rules of Jinja's immutable sandbox.
extension Interpreter {
    /// `object.name`: an attribute first, then a key.
    func attribute(_ name: String, of object: Value) throws(TemplateError) -> Value {
        try meter.read(name)
        if case .undefined(let undefined) = object { throw undefined.error }
        if let found = try member(name, of: object) { return found }
        if case .dictionary(let mapping) = object, let value = mapping[name] { return value }
        return .missing(name, in: object)
    }

    /// `object[key]`: a key or index first, then an attribute; undefined when there is neither.
    func item(_ key: Value, of object: Value) throws(TemplateError) -> Value {
        try meter.read(key)
        switch object {
        case .undefined(let undefined): throw undefined.error
        case .dictionary(let mapping):
            // A key without a hash is not in there either.
            try meter.hash(key)
            if Key(key) != nil, let value = try mapping.value(for: key, meter) { return value }
        case .list(let elements), .tuple(let elements), .range(let elements, _):
            if let index = key.integerValue, let place = place(index, in: elements.values.count) {
                return elements.values[place]
            }
        case .string(let text):
            if let index = key.integerValue {
                try meter.read(text)
                let scalars = text.unicodeScalars
                if let place = place(index, in: scalars.count) {
                    return .string(String(Character(scalars[scalars.index(scalars.startIndex, offsetBy: place)])))
                }
            }
        default: break
        }
        if case .string(let name) = key {
            return try member(name, of: object) ?? .missing(name, in: object)
        }
        return .missing(try meter.text(of: key), in: object)
    }

    private func place(_ index: Int, in count: Int) -> Int? {
        let place = index < 0 ? index + count : index
        return (0..<count).contains(place) ? place : nil
    }

    /// Methods and attributes that Python objects of the kind have. What changes an object in place is there, but unsafe.
    private func member(_ name: String, of object: Value) throws(TemplateError) -> Value? {
        if case .namespace(let namespace) = object { try meter.step(namespace.attributes.count / 16) }
        guard name.utf8.count <= Methods.longestName else {
            if case .namespace(let namespace) = object { return namespace[name] }
            return nil
        }
        if name.hasPrefix("_") {
            let isInternal = name.hasPrefix("__") && name.hasSuffix("__")
            return isInternal ? unsafe(name, of: object) : nil
        }
        switch object {
        case .string: return StringMethods.names.contains(name) ? method(name, of: object) : nil
        case .list:
            if Methods.list.contains(name) { return method(name, of: object) }
            return Methods.unsafeList.contains(name) ? unsafe(name, of: object) : nil
        case .tuple, .range: return Methods.tuple.contains(name) ? method(name, of: object) : nil
        case .dictionary:
            if Methods.dictionary.contains(name) { return method(name, of: object) }
            return Methods.unsafeDictionary.contains(name) ? unsafe(name, of: object) : nil
        case .namespace(let namespace): return namespace[name]
        case .loop(let loop): return try loop.attribute(name)
        case .callable(.macro(let macro)) where name == "name": return .string(macro.definition.name)
        case .callable(.function(.dict)) where name == "fromkeys": return method(name, of: object)
        default: return nil
        }
    }

    private func method(_ name: String, of object: Value) -> Value { .callable(.method(of: object, name: name)) }

    private func unsafe(_ name: String, of object: Value) -> Value {
        .undefined(
            Undefined(
                message: "access to attribute '\(name)' of '\(object.typeName)' object is unsafe", code: .security))
    }

    // MARK: Slices

    func bound(_ expression: Expression?, in scope: Scope) throws(TemplateError) -> Int? {
        guard let expression else { return nil }
        switch try evaluate(expression, in: scope) {
        case .none: return nil
        case .undefined(let undefined): throw undefined.error
        case let value:
            guard let bound = value.integerValue else {
                throw TemplateError(.type, "slice indices must be integers or None")
            }
            return bound
        }
    }

    func slice(_ object: Value, _ start: Int?, _ stop: Int?, _ step: Int?) throws(TemplateError) -> Value {
        switch object {
        case .undefined(let undefined): throw undefined.error
        case .string(let text):
            try meter.read(text)
            try meter.create(bytes: text.utf8.count)
            let scalars = Array(text.unicodeScalars)
            return .string(try places(scalars.count, start, stop, step).lazy.map { scalars[$0] })
        case .list(let elements):
            return .list(try sliced(elements.values, start, stop, step))
        case .tuple(let elements), .range(let elements, _):
            return .tuple(try sliced(elements.values, start, stop, step))
        default: throw TemplateError(.type, "'\(object.typeName)' object can't be sliced")
        }
    }

    private func sliced(_ values: [Value], _ start: Int?, _ stop: Int?, _ step: Int?) throws(TemplateError) -> [Value] {
        try meter.create(elements: values.count)
        return try places(values.count, start, stop, step).map { values[$0] }
    }

    /// Indices of a Python slice.
    private func places(_ count: Int, _ start: Int?, _ stop: Int?, _ step: Int?) throws(TemplateError) -> StrideTo<Int> {
        let step = step ?? 1
        guard step != 0 else { throw TemplateError(.value, "slice step cannot be zero") }
        let lowest = step < 0 ? -1 : 0
        let highest = step < 0 ? count - 1 : count
        func clamped(_ bound: Int?, _ fallback: Int) -> Int {
            guard let bound else { return fallback }
            return min(max(bound < 0 ? bound + count : bound, lowest), highest)
        }
        let first = clamped(start, step < 0 ? highest : lowest)
        let end = clamped(stop, step < 0 ? lowest : highest)
        // A step beyond the length reaches one element at most, and can't overflow.
        let bounded = max(-count - 1, min(step, count + 1))
        return stride(from: first, to: end, by: bounded)
    }
}
