/// Builds the tree of a template out of its tokens, by recursive descent with Jinja's precedences.
struct Parser {
    let tokens: [Token]
    let limits: TemplateLimits
    var index = 0
    /// Levels of the descent that are open.
    var depth = 0
    /// Loops whose body is being read, so that `break` and `continue` have a place.
    var loops = 0
    /// Branches being read that may never run: an unknown filter or test in one is an error only when it runs.
    var branches = 0
    /// Names read so far in each macro being read, outermost first.
    var macroNames: [Set<String>] = []

    init(tokens: [Token], limits: TemplateLimits) {
        self.tokens = tokens
        self.limits = limits
    }

    /// The token to be read; the last one is `.end` and never passed.
    var current: Token { tokens[min(index, tokens.count - 1)] }
    var following: Token { tokens[min(index + 1, tokens.count - 1)] }

    mutating func advance() { index += 1 }

    mutating func template() throws(TemplateError) -> [Statement] {
        let body = try statements(until: [])
        guard case .end = current.kind else { throw unexpected("a statement") }
        return body
    }

    // MARK: Tokens

    func at(_ symbol: Token.Symbol) -> Bool { current.kind == .symbol(symbol) }
    func at(name: String) -> Bool { current.kind == .name(name) }

    mutating func skip(_ symbol: Token.Symbol) -> Bool {
        guard at(symbol) else { return false }
        advance()
        return true
    }

    mutating func skip(name: String) -> Bool {
        guard at(name: name) else { return false }
        advance()
        return true
    }

    mutating func expect(_ symbol: Token.Symbol) throws(TemplateError) {
        guard skip(symbol) else { throw unexpected("'\(symbol.rawValue)'") }
    }

    mutating func expect(name: String) throws(TemplateError) {
        guard skip(name: name) else { throw unexpected("'\(name)'") }
    }

    mutating func expectName() throws(TemplateError) -> String {
        guard case .name(let name) = current.kind else { throw unexpected("a name") }
        advance()
        return name
    }

    mutating func expect(_ kind: Token.Kind) throws(TemplateError) {
        guard current.kind == kind else { throw unexpected(Token(kind: kind, position: current.position).text) }
        advance()
    }

    func unexpected(_ expected: String) -> TemplateError {
        TemplateError(.syntax, "expected \(expected), found \(current.text)", at: current.position)
    }

    // MARK: Nesting

    mutating func enter() throws(TemplateError) {
        depth += 1
        if depth > limits.depth { throw tooDeep(current.position) }
    }

    mutating func leave() { depth -= 1 }

    /// A node over `children`.
    func node(
        _ kind: Expression.Kind, at position: SourcePosition, over children: Expression?..., arguments: CallArguments? = nil
    ) throws(TemplateError) -> Expression {
        try node(kind, at: position, over: children.compactMap { $0 }, arguments: arguments)
    }

    func node(
        _ kind: Expression.Kind, at position: SourcePosition, over children: [Expression], arguments: CallArguments? = nil
    ) throws(TemplateError) -> Expression {
        let below = max(children.lazy.map(\.depth).max() ?? 0, arguments?.depth ?? 0)
        guard below < limits.depth else { throw tooDeep(position) }
        return Expression(kind, at: position, depth: below + 1)
    }

    private func tooDeep(_ position: SourcePosition) -> TemplateError {
        TemplateError(.limitExceeded, "nested deeper than \(limits.depth) levels", at: position)
    }
}
