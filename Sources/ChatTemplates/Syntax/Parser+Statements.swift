extension Parser {
    /// Statements up to a tag that starts with one of `ends` (whose name stays to be read), or up to the template's end.
    mutating func statements(until ends: Set<String>) throws(TemplateError) -> [Statement] {
        try enter()
        defer { leave() }
        var body: [Statement] = []
        while true {
            switch current.kind {
            case .text(let text):
                body.append(.text(text))
                advance()
            case .outputStart:
                advance()
                body.append(.output(try tupleExpression()))
                try expect(.outputEnd)
            case .statementStart:
                if case .name(let name) = following.kind, ends.contains(name) {
                    advance()
                    return body
                }
                let opening = current.position
                advance()
                body.append(try statement(at: opening))
            case .end:
                guard ends.isEmpty else {
                    let wanted = ends.sorted().map { "'\($0)'" }.joined(separator: " or ")
                    throw TemplateError(.syntax, "the template ends where \(wanted) is missing", at: current.position)
                }
                return body
            default:
                throw unexpected("a tag or text")
            }
        }
    }

    private mutating func statement(at position: SourcePosition) throws(TemplateError) -> Statement {
        let token = current
        let name = try expectName()
        switch name {
        case "if": return try conditional()
        case "for": return try loop(at: position)
        case "set": return try assignment()
        case "macro": return try macro(at: position)
        case "call": return try callBlock(at: position)
        case "filter": return try filterBlock()
        case "with": return try withBlock()
        case "generation":
            try expect(.statementEnd)
            return .generation(
                try inOwnFunction { parser throws(TemplateError) in try parser.block(until: "endgeneration") })
        case "break", "continue":
            guard loops > 0 else { throw TemplateError(.syntax, "'\(name)' outside a loop", at: token.position) }
            try expect(.statementEnd)
            return name == "break" ? .leaveLoop : .nextIteration
        case "include", "import", "from", "extends", "block", "autoescape", "trans", "do":
            throw TemplateError(.syntax, "'\(name)' is not part of chat templates", at: token.position)
        default:
            throw TemplateError(.syntax, "unknown statement '\(name)'", at: token.position)
        }
    }

    /// A body and its closing tag.
    private mutating func block(until end: String) throws(TemplateError) -> [Statement] {
        let body = try statements(until: [end])
        advance()
        try expect(.statementEnd)
        return body
    }

    /// A body that Jinja compiles as a function: loops around it can't be left from within.
    private mutating func inOwnFunction<T>(
        _ read: (inout Parser) throws(TemplateError) -> T
    ) throws(TemplateError) -> T {
        let outer = loops
        loops = 0
        defer { loops = outer }
        return try read(&self)
    }

    private mutating func conditional() throws(TemplateError) -> Statement {
        branches += 1
        defer { branches -= 1 }
        var parts: [(condition: Expression, body: [Statement])] = []
        while true {
            let condition = try tupleExpression(withConditional: false)
            try expect(.statementEnd)
            parts.append((condition, try statements(until: ["elif", "else", "endif"])))
            if skip(name: "elif") { continue }
            var otherwise: [Statement] = []
            if skip(name: "else") {
                try expect(.statementEnd)
                otherwise = try statements(until: ["endif"])
            }
            try expect(name: "endif")
            try expect(.statementEnd)
            return .conditional(branches: parts, otherwise: otherwise)
        }
    }

    private mutating func loop(at position: SourcePosition) throws(TemplateError) -> Statement {
        let target = try assignmentTarget(until: "in")
        try expect(name: "in")
        let iterable = try tupleExpression(withConditional: false)
        var condition: Expression?
        if skip(name: "if") { condition = try expression() }
        guard !at(name: "recursive") else {
            throw TemplateError(.syntax, "recursive loops are not supported", at: current.position)
        }
        try expect(.statementEnd)
        loops += 1
        let body = try statements(until: ["else", "endfor"])
        loops -= 1
        var otherwise: [Statement] = []
        if skip(name: "else") {
            try expect(.statementEnd)
            otherwise = try statements(until: ["endfor"])
        }
        try expect(name: "endfor")
        try expect(.statementEnd)
        return .loop(
            ForLoop(
                target: target, iterable: iterable, condition: condition, body: body, otherwise: otherwise,
                position: position))
    }

    private mutating func assignment() throws(TemplateError) -> Statement {
        let target = try assignmentTarget(until: nil)
        if skip(.assign) {
            let value = try tupleExpression()
            try expect(.statementEnd)
            return .set(target, value)
        }
        if case .tuple(_, let position) = target {
            throw TemplateError(.syntax, "a block can't be set to several names", at: position)
        }
        var filters: [FilterCall] = []
        while skip(.pipe) { filters.append(try filterCall()) }
        try expect(.statementEnd)
        return .setBlock(target, filters: filters, body: try block(until: "endset"))
    }

    private mutating func filterBlock() throws(TemplateError) -> Statement {
        var filters = [try filterCall()]
        while skip(.pipe) { filters.append(try filterCall()) }
        try expect(.statementEnd)
        return .filter(filters, body: try block(until: "endfilter"))
    }

    private mutating func withBlock() throws(TemplateError) -> Statement {
        var values: [(target: AssignmentTarget, value: Expression)] = []
        while current.kind != .statementEnd {
            if !values.isEmpty { try expect(.comma) }
            let target = AssignmentTarget.name(try assignableName())
            try expect(.assign)
            values.append((target, try expression()))
        }
        try expect(.statementEnd)
        return .with(values, body: try block(until: "endwith"))
    }

    // MARK: Macros

    private mutating func macro(at position: SourcePosition) throws(TemplateError) -> Statement {
        let name = try assignableName()
        return .macro(try macroRest(name: name, end: "endmacro", position: position))
    }

    private mutating func callBlock(at position: SourcePosition) throws(TemplateError) -> Statement {
        let parameters = at(.leftParenthesis) ? try self.parameters() : []
        let callPosition = current.position
        guard case .call(let callee, let arguments) = try expression().kind else {
            throw TemplateError(.syntax, "expected a call", at: callPosition)
        }
        let caller = try macroRest(name: "caller", parameters: parameters, end: "endcall", position: position)
        return .call(caller: caller, callee: callee, arguments)
    }

    private mutating func macroRest(
        name: String, parameters known: [(name: String, fallback: Expression?)]? = nil, end: String,
        position: SourcePosition
    ) throws(TemplateError) -> MacroDefinition {
        macroNames.append([])
        let parameters = if let known { known } else { try self.parameters() }
        try expect(.statementEnd)
        let body = try inOwnFunction { parser throws(TemplateError) in try parser.block(until: end) }
        let names = macroNames.removeLast()
        if !macroNames.isEmpty { macroNames[macroNames.count - 1].formUnion(names) }
        return MacroDefinition(
            name: name, parameters: parameters, body: body,
            implicit: names.intersection(["caller", "varargs", "kwargs"]).subtracting(parameters.map(\.name)),
            position: position)
    }

    private mutating func parameters() throws(TemplateError) -> [(name: String, fallback: Expression?)] {
        var parameters: [(name: String, fallback: Expression?)] = []
        try expect(.leftParenthesis)
        while !at(.rightParenthesis) {
            if !parameters.isEmpty { try expect(.comma) }
            let position = current.position
            let name = try assignableName()
            if skip(.assign) {
                parameters.append((name, try expression()))
            } else if parameters.last?.fallback != nil {
                throw TemplateError(.syntax, "a parameter without a default follows one with a default", at: position)
            } else {
                parameters.append((name, nil))
            }
        }
        try expect(.rightParenthesis)
        return parameters
    }

    // MARK: Targets

    private mutating func assignmentTarget(until end: String?) throws(TemplateError) -> AssignmentTarget {
        let position = current.position
        var targets: [AssignmentTarget] = []
        var isTuple = false
        while true {
            if !targets.isEmpty, targetEnds(end) { break }
            targets.append(try singleTarget(allowsAttribute: end == nil))
            guard skip(.comma) else { break }
            isTuple = true
        }
        return isTuple ? .tuple(targets, position) : targets[0]
    }

    private func targetEnds(_ end: String?) -> Bool {
        if let end, at(name: end) { return true }
        return at(.assign) || at(.rightParenthesis) || current.kind == .statementEnd
    }

    private mutating func singleTarget(allowsAttribute: Bool) throws(TemplateError) -> AssignmentTarget {
        let position = current.position
        if skip(.leftParenthesis) {
            try enter()
            defer { leave() }
            let inner = try assignmentTarget(until: allowsAttribute ? nil : "in")
            try expect(.rightParenthesis)
            return inner
        }
        let name = try assignableName()
        if allowsAttribute, skip(.dot) {
            noteName(name)
            return .attribute(of: name, try expectName(), position)
        }
        return .name(name)
    }

    private mutating func assignableName() throws(TemplateError) -> String {
        let position = current.position
        let name = try expectName()
        guard Parser.constants[name] == nil else {
            throw TemplateError(.syntax, "can't assign to '\(name)'", at: position)
        }
        return name
    }

    mutating func noteName(_ name: String) {
        if !macroNames.isEmpty { macroNames[macroNames.count - 1].insert(name) }
    }
}
