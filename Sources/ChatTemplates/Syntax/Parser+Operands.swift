extension Parser {
    mutating func primary() throws(TemplateError) -> Expression {
        let token = current
        let position = token.position
        switch token.kind {
        case .name(let name):
            advance()
            if let constant = Parser.constants[name] { return try node(.constant(constant), at: position) }
            noteName(name)
            return try node(.name(name), at: position)
        case .string(var text):
            advance()
            while case .string(let more) = current.kind {
                text += more
                advance()
            }
            return try node(.constant(.string(text)), at: position)
        case .integer(let value):
            advance()
            return try node(.constant(.integer(value)), at: position)
        case .number(let value):
            advance()
            return try node(.constant(.number(value)), at: position)
        case .symbol(.leftParenthesis):
            advance()
            let value = try tupleExpression(inParentheses: true)
            try expect(.rightParenthesis)
            return value
        case .symbol(.leftBracket): return try list()
        case .symbol(.leftBrace): return try dictionary()
        default: throw unexpected("an expression")
        }
    }

    private mutating func list() throws(TemplateError) -> Expression {
        let position = current.position
        advance()
        var elements: [Expression] = []
        while !at(.rightBracket) {
            if !elements.isEmpty { try expect(.comma) }
            if at(.rightBracket) { break }
            elements.append(try expression())
        }
        try expect(.rightBracket)
        return try node(.list(elements), at: position, over: elements)
    }

    private mutating func dictionary() throws(TemplateError) -> Expression {
        let position = current.position
        advance()
        var members: [(key: Expression, value: Expression)] = []
        while !at(.rightBrace) {
            if !members.isEmpty { try expect(.comma) }
            if at(.rightBrace) { break }
            let key = try expression()
            try expect(.colon)
            members.append((key, try expression()))
        }
        try expect(.rightBrace)
        return try node(.dictionary(members), at: position, over: members.flatMap { [$0.key, $0.value] })
    }

    mutating func postfixes(of base: Expression) throws(TemplateError) -> Expression {
        var value = base
        while true {
            if at(.dot) {
                value = try attribute(of: value)
            } else if at(.leftBracket) {
                value = try subscripted(value)
            } else if at(.leftParenthesis) {
                value = try call(value)
            } else {
                return value
            }
        }
    }

    private mutating func attribute(of object: Expression) throws(TemplateError) -> Expression {
        let position = current.position
        advance()
        switch current.kind {
        case .name(let name):
            advance()
            return try node(.attribute(object, name), at: position, over: object)
        case .integer(let index):
            let key = try node(.constant(.integer(index)), at: current.position)
            advance()
            return try node(.item(object, key), at: position, over: object)
        default: throw unexpected("a name or number")
        }
    }

    private mutating func subscripted(_ object: Expression) throws(TemplateError) -> Expression {
        let position = current.position
        advance()
        let start = at(.colon) ? nil : try tupleKey()
        if let start, skip(.rightBracket) {
            return try node(.item(object, start), at: position, over: object, start)
        }
        try expect(.colon)
        let stop = at(.colon) || at(.rightBracket) ? nil : try expression()
        var step: Expression?
        if skip(.colon), !at(.rightBracket) { step = try expression() }
        try expect(.rightBracket)
        return try node(
            .slice(object, start: start, stop: stop, step: step), at: position, over: object, start, stop, step)
    }

    /// `a` or `a, b` as a key.
    private mutating func tupleKey() throws(TemplateError) -> Expression {
        let position = current.position
        var keys = [try expression()]
        while skip(.comma) { keys.append(try expression()) }
        return keys.count == 1 ? keys[0] : try node(.tuple(keys), at: position, over: keys)
    }

    private mutating func call(_ callee: Expression) throws(TemplateError) -> Expression {
        let arguments = try callArguments()
        return try node(.call(callee, arguments), at: callee.position, over: callee, arguments: arguments)
    }

    mutating func callArguments() throws(TemplateError) -> CallArguments {
        let position = current.position
        var arguments = CallArguments()
        func ensure(_ condition: Bool) throws(TemplateError) {
            if !condition { throw TemplateError(.syntax, "arguments out of order", at: position) }
        }
        try expect(.leftParenthesis)
        var isFirst = true
        while !at(.rightParenthesis) {
            if !isFirst { try expect(.comma) }
            if at(.rightParenthesis) { break }
            isFirst = false
            if skip(.times) {
                try ensure(arguments.spreadPositional == nil && arguments.spreadNamed == nil)
                arguments.spreadPositional = try expression()
            } else if skip(.power) {
                try ensure(arguments.spreadNamed == nil)
                arguments.spreadNamed = try expression()
            } else if case .name(let name) = current.kind, following.kind == .symbol(.assign) {
                try ensure(arguments.spreadNamed == nil)
                advance()
                advance()
                arguments.named.append((name, try expression()))
            } else {
                try ensure(
                    arguments.spreadPositional == nil && arguments.spreadNamed == nil && arguments.named.isEmpty)
                arguments.positional.append(try expression())
            }
        }
        try expect(.rightParenthesis)
        return arguments
    }

    // MARK: Filters and tests

    mutating func filters(of base: Expression) throws(TemplateError) -> Expression {
        var value = base
        while true {
            if skip(.pipe) {
                let filter = try filterCall()
                value = try node(.filter(value, filter), at: filter.position, over: value, arguments: filter.arguments)
            } else if at(name: "is") {
                value = try test(of: value)
            } else if at(.leftParenthesis) {
                value = try call(value)
            } else {
                return value
            }
        }
    }

    /// A filter's name and arguments, after `|`.
    mutating func filterCall() throws(TemplateError) -> FilterCall {
        let position = current.position
        let name = try dottedName()
        if branches == 0, Filters.table[name] == nil {
            throw TemplateError(.syntax, "no filter named '\(name)'", at: position)
        }
        let arguments = at(.leftParenthesis) ? try callArguments() : CallArguments()
        return FilterCall(name: name, arguments: arguments, position: position)
    }

    private mutating func dottedName() throws(TemplateError) -> String {
        var name = try expectName()
        while skip(.dot) { name += "." + (try expectName()) }
        return name
    }

    private mutating func test(of value: Expression) throws(TemplateError) -> Expression {
        advance()
        let isNegated = skip(name: "not")
        let position = current.position
        let name = try dottedName()
        if branches == 0, Tests.table[name] == nil {
            throw TemplateError(.syntax, "no test named '\(name)'", at: position)
        }
        var arguments = CallArguments()
        if at(.leftParenthesis) {
            arguments = try callArguments()
        } else if startsTestArgument {
            guard !at(name: "is") else {
                throw TemplateError(.syntax, "tests can't be chained with 'is'", at: current.position)
            }
            arguments.positional = [try postfixes(of: try primary())]
        }
        let test = try node(.test(value, name, arguments), at: position, over: value, arguments: arguments)
        return isNegated ? try node(.not(test), at: position, over: test) : test
    }

    private var startsTestArgument: Bool {
        switch current.kind {
        case .name(let name): !["else", "or", "and"].contains(name)
        case .string, .integer, .number, .symbol(.leftParenthesis), .symbol(.leftBracket), .symbol(.leftBrace): true
        default: false
        }
    }
}
