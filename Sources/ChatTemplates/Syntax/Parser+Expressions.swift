extension Parser {
    static let constants: [String: Expression.Constant] = [
        "true": .bool(true), "True": .bool(true), "false": .bool(false), "False": .bool(false),
        "none": .none, "None": .none,
    ]

    /// Loosest first: `a if b else c`, `or`, `and`, `not`, comparisons, `+ -`, `~`, `* / // %`, `**`, signs, postfixes, filters.
    mutating func expression(withConditional: Bool = true) throws(TemplateError) -> Expression {
        try enter()
        defer { leave() }
        guard withConditional else { return try disjunction() }
        let position = current.position
        var value = try disjunction()
        while skip(name: "if") {
            branches += 1
            defer { branches -= 1 }
            let test = try disjunction()
            let otherwise = skip(name: "else") ? try expression() : nil
            value = try node(
                .conditional(test: test, then: value, otherwise: otherwise), at: position, over: value, test, otherwise)
        }
        return value
    }

    /// An expression, or several with commas between: a tuple.
    mutating func tupleExpression(
        withConditional: Bool = true, inParentheses: Bool = false
    ) throws(TemplateError) -> Expression {
        let position = current.position
        var elements: [Expression] = []
        var isTuple = false
        while !tupleEnds {
            elements.append(try expression(withConditional: withConditional))
            guard skip(.comma) else { break }
            isTuple = true
        }
        if !isTuple, let only = elements.first { return only }
        guard isTuple || inParentheses else { throw unexpected("an expression") }
        return try node(.tuple(elements), at: position, over: elements)
    }

    private var tupleEnds: Bool {
        switch current.kind {
        case .outputEnd, .statementEnd, .symbol(.rightParenthesis): true
        default: false
        }
    }

    private mutating func disjunction() throws(TemplateError) -> Expression {
        let position = current.position
        var left = try conjunction()
        while skip(name: "or") {
            let right = try conjunction()
            left = try node(.or(left, right), at: position, over: left, right)
        }
        return left
    }

    private mutating func conjunction() throws(TemplateError) -> Expression {
        let position = current.position
        var left = try negation()
        while skip(name: "and") {
            let right = try negation()
            left = try node(.and(left, right), at: position, over: left, right)
        }
        return left
    }

    private mutating func negation() throws(TemplateError) -> Expression {
        let position = current.position
        guard skip(name: "not") else { return try comparison() }
        try enter()
        defer { leave() }
        let operand = try negation()
        return try node(.not(operand), at: position, over: operand)
    }

    private mutating func comparison() throws(TemplateError) -> Expression {
        let position = current.position
        let first = try sum()
        var rest: [(operation: Comparison, operand: Expression)] = []
        while let operation = comparisonOperator() { rest.append((operation, try sum())) }
        return rest.isEmpty
            ? first : try node(.compare(first, rest), at: position, over: [first] + rest.map(\.operand))
    }

    private mutating func comparisonOperator() -> Comparison? {
        switch current.kind {
        case .symbol(let symbol):
            guard let operation = Comparison(rawValue: symbol.rawValue) else { return nil }
            advance()
            return operation
        case .name("in"):
            advance()
            return .isIn
        case .name("not") where following.kind == .name("in"):
            advance()
            advance()
            return .isNotIn
        default: return nil
        }
    }

    private mutating func sum() throws(TemplateError) -> Expression {
        var left = try concatenation()
        while at(.plus) || at(.minus) {
            left = try binary(left) { parser throws(TemplateError) in try parser.concatenation() }
        }
        return left
    }

    private mutating func concatenation() throws(TemplateError) -> Expression {
        let position = current.position
        var parts = [try product()]
        while skip(.tilde) { parts.append(try product()) }
        return parts.count == 1 ? parts[0] : try node(.concatenate(parts), at: position, over: parts)
    }

    private mutating func product() throws(TemplateError) -> Expression {
        var left = try power()
        while at(.times) || at(.divide) || at(.floorDivide) || at(.modulo) {
            left = try binary(left) { parser throws(TemplateError) in try parser.power() }
        }
        return left
    }

    /// Jinja's `**` groups to the left, unlike Python's.
    private mutating func power() throws(TemplateError) -> Expression {
        var left = try unary()
        while at(.power) { left = try binary(left) { parser throws(TemplateError) in try parser.unary() } }
        return left
    }

    private mutating func binary(
        _ left: Expression, _ operand: (inout Parser) throws(TemplateError) -> Expression
    ) throws(TemplateError) -> Expression {
        let position = current.position
        guard case .symbol(let symbol) = current.kind, let operation = BinaryOperator(rawValue: symbol.rawValue) else {
            throw unexpected("an operator")
        }
        advance()
        let right = try operand(&self)
        return try node(.binary(operation, left, right), at: position, over: left, right)
    }

    private mutating func unary(withFilters: Bool = true) throws(TemplateError) -> Expression {
        let position = current.position
        var value: Expression
        if at(.minus) || at(.plus) {
            let isMinus = at(.minus)
            advance()
            try enter()
            defer { leave() }
            let operand = try unary(withFilters: false)
            value = try node(isMinus ? .negate(operand) : .plus(operand), at: position, over: operand)
        } else {
            value = try primary()
        }
        value = try postfixes(of: value)
        return withFilters ? try filters(of: value) : value
    }
}
