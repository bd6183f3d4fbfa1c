extension Interpreter {
    /// The expression's value; an error without a place gets the expression's.
    func evaluate(_ expression: Expression, in scope: Scope) throws(TemplateError) -> Value {
        do {
            try meter.enter()
            defer { meter.leave() }
            return try value(of: expression, in: scope)
        } catch {
            throw error.placed(at: expression.position)
        }
    }

    private func value(of expression: Expression, in scope: Scope) throws(TemplateError) -> Value {
        switch expression.kind {
        case .constant(let constant): return value(of: constant)
        case .name(let name):
            return scope[name] ?? .undefined(Undefined(message: "'\(name)' is undefined"))
        case .attribute(let object, let name): return try attribute(name, of: evaluate(object, in: scope))
        case .item(let object, let key): return try item(evaluate(key, in: scope), of: evaluate(object, in: scope))
        case .call(let callee, let arguments):
            return try call(evaluate(callee, in: scope), evaluate(arguments, in: scope))
        case .filter(let operand, let filter):
            return try apply(filter, to: evaluate(operand, in: scope), in: scope)
        case .test(let operand, let name, let arguments):
            return .bool(try test(name, evaluate(operand, in: scope), evaluate(arguments, in: scope)))
        case .not(let operand): return .bool(try !evaluate(operand, in: scope).isTrue)
        case .and(let left, let right):
            let value = try evaluate(left, in: scope)
            return value.isTrue ? try evaluate(right, in: scope) : value
        case .or(let left, let right):
            let value = try evaluate(left, in: scope)
            return value.isTrue ? value : try evaluate(right, in: scope)
        default: return try composite(expression, in: scope)
        }
    }

    /// The rest, apart so that the frames of the deepest recursion stay small.
    private func composite(_ expression: Expression, in scope: Scope) throws(TemplateError) -> Value {
        switch expression.kind {
        case .list(let elements): return try made(.list(evaluate(elements, in: scope)))
        case .tuple(let elements): return try made(.tuple(evaluate(elements, in: scope)))
        case .dictionary(let members): return try dictionary(members, in: scope)
        case .slice(let object, let start, let stop, let step):
            return try slice(
                evaluate(object, in: scope), bound(start, in: scope), bound(stop, in: scope), bound(step, in: scope))
        case .negate(let operand): return try meter.negated(evaluate(operand, in: scope))
        case .plus(let operand): return try meter.plus(evaluate(operand, in: scope))
        case .binary(let operation, let left, let right):
            return try made(
                meter.binary(operation, evaluate(left, in: scope), evaluate(right, in: scope)))
        case .compare(let first, let rest): return try compare(first, rest, in: scope)
        case .concatenate(let parts): return try concatenate(parts, in: scope)
        case .conditional(let test, let then, let otherwise):
            if try evaluate(test, in: scope).isTrue { return try evaluate(then, in: scope) }
            if let otherwise { return try evaluate(otherwise, in: scope) }
            return .undefined(
                Undefined(message: "the inline if-expression evaluated to false and no else section was defined"))
        default: preconditionFailure("every kind of expression is evaluated")
        }
    }

    private func value(of constant: Expression.Constant) -> Value {
        switch constant {
        case .none: .none
        case .bool(let value): .bool(value)
        case .integer(let value): .integer(value)
        case .number(let value): .number(value)
        case .string(let text): .string(text)
        }
    }

    /// A value that was built here, counted and not too deep.
    func made(_ value: Value) throws(TemplateError) -> Value {
        try meter.checkDepth(of: value)
        return value
    }

    private func evaluate(_ expressions: [Expression], in scope: Scope) throws(TemplateError) -> [Value] {
        try meter.create(elements: expressions.count)
        var values: [Value] = []
        values.reserveCapacity(expressions.count)
        for expression in expressions { values.append(try evaluate(expression, in: scope)) }
        return values
    }

    private func dictionary(
        _ members: [(key: Expression, value: Expression)], in scope: Scope
    ) throws(TemplateError) -> Value {
        try meter.create(elements: 2 * members.count)
        var entries: [(key: Value, value: Value)] = []
        for member in members {
            entries.append((try evaluate(member.key, in: scope), try evaluate(member.value, in: scope)))
        }
        return try made(.dictionary(Mapping(entries, meter)))
    }

    private func compare(
        _ first: Expression, _ rest: [(operation: Comparison, operand: Expression)], in scope: Scope
    ) throws(TemplateError) -> Value {
        var left = try evaluate(first, in: scope)
        for (operation, operand) in rest {
            let right = try evaluate(operand, in: scope)
            guard try meter.compare(left, operation, right) else { return .bool(false) }
            left = right
        }
        return .bool(true)
    }

    private func concatenate(_ parts: [Expression], in scope: Scope) throws(TemplateError) -> Value {
        var text = ""
        for part in parts {
            let piece = try meter.text(of: evaluate(part, in: scope))
            try meter.create(bytes: text.utf8.count + piece.utf8.count)
            text += piece
        }
        return .string(text)
    }

    func evaluate(_ arguments: CallArguments, in scope: Scope) throws(TemplateError) -> Arguments {
        var values = Arguments()
        for argument in arguments.positional { values.positional.append(try evaluate(argument, in: scope)) }
        if let spread = arguments.spreadPositional {
            let elements = try meter.elements(of: evaluate(spread, in: scope))
            try meter.create(elements: elements.count)
            values.positional += elements
        }
        for argument in arguments.named {
            values.named.append((argument.name, try evaluate(argument.value, in: scope)))
        }
        guard let spread = arguments.spreadNamed else { return values }
        guard case .dictionary(let mapping) = try evaluate(spread, in: scope) else {
            throw TemplateError(.type, "the argument after ** must be a mapping")
        }
        try meter.create(elements: 2 * mapping.entries.count)
        for entry in mapping.entries {
            guard case .string(let name) = entry.key else { throw TemplateError(.type, "keywords must be strings") }
            values.named.append((name, entry.value))
        }
        return values
    }

    // MARK: Filters and tests

    func apply(_ filters: [FilterCall], to value: Value, in scope: Scope) throws(TemplateError) -> Value {
        var value = value
        for filter in filters {
            do {
                value = try apply(filter, to: value, in: scope)
            } catch {
                throw error.placed(at: filter.position)
            }
        }
        return value
    }

    private func apply(_ filter: FilterCall, to value: Value, in scope: Scope) throws(TemplateError) -> Value {
        try apply(filter: filter.name, to: value, evaluate(filter.arguments, in: scope))
    }

    func apply(filter name: String, to value: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        guard name.utf8.count <= Methods.longestName, let filter = Filters.table[name] else {
            throw TemplateError(.syntax, "no filter named '\(name)'")
        }
        try meter.step()
        if !Filters.ofConstantCost.contains(name) {
            try meter.read(value)
            try meter.read(arguments)
        }
        return try made(filter(self, value, arguments))
    }

    func test(_ name: String, _ value: Value, _ arguments: Arguments) throws(TemplateError) -> Bool {
        guard name.utf8.count <= Methods.longestName, let test = Tests.table[name] else {
            throw TemplateError(.syntax, "no test named '\(name)'")
        }
        return try test(self, value, arguments)
    }
}
