/// Arguments of a call, evaluated.
struct Arguments {
    var positional: [Value] = []
    var named: [(name: String, value: Value)] = []

    /// The values of parameters in their order, nil where none was given; throws `type` as Python's calls do.
    func bind(_ callee: String, _ parameters: String..., required: Int = 0) throws(TemplateError) -> [Value?] {
        guard positional.count <= parameters.count else {
            throw TemplateError(
                .type, "\(callee) takes at most \(parameters.count) arguments (\(positional.count) given)")
        }
        var values: [Value?] = positional
        values += Array(repeating: nil, count: parameters.count - positional.count)
        for argument in named {
            guard let place = parameters.firstIndex(where: { sameText($0, argument.name) }) else {
                throw TemplateError(.type, "\(callee) got an unexpected keyword argument '\(argument.name)'")
            }
            guard values[place] == nil else {
                throw TemplateError(.type, "\(callee) got multiple values for argument '\(argument.name)'")
            }
            values[place] = argument.value
        }
        for place in 0..<required where values[place] == nil {
            throw TemplateError(.type, "\(callee) is missing the argument '\(parameters[place])'")
        }
        return values
    }
}

/// Kinds that a parameter asks for; nil stands for an argument that was not given.
extension Value? {
    func string(_ callee: String, or fallback: String) throws(TemplateError) -> String {
        try optionalString(callee) ?? fallback
    }

    /// Nil for none, too.
    func optionalString(_ callee: String) throws(TemplateError) -> String? {
        switch self {
        case nil, .some(.none): return nil
        case .string(let text): return text
        case .undefined(let undefined): throw undefined.error
        case .some(let other): throw TemplateError(.type, "\(callee) needs a string, not '\(other.typeName)'")
        }
    }

    func integer(_ callee: String, or fallback: Int) throws(TemplateError) -> Int {
        try optionalInteger(callee) ?? fallback
    }

    /// Nil for none, too.
    func optionalInteger(_ callee: String) throws(TemplateError) -> Int? {
        switch self {
        case nil, .some(.none): return nil
        case .undefined(let undefined): throw undefined.error
        case .some(let value):
            guard let integer = value.integerValue else {
                throw TemplateError(.type, "\(callee) needs an integer, not '\(value.typeName)'")
            }
            return integer
        }
    }

    var isTrue: Bool {
        switch self {
        case nil: false
        case .some(let value): value.isTrue
        }
    }
}
