extension GrammarBuilder {
    /// Any text that the rule `root` of a GBNF grammar matches.
    ///
    /// A rule may contain itself, but not as the first thing that it reads.
    public mutating func gbnf(_ source: String) throws(GrammarError) -> GrammarNode {
        let parser = try GBNFParser(source, limits: limits, tokenNamed: tokenNamed)
        var rules: [String: GrammarNode] = [:]
        for rule in parser.rules { rules[rule.name] = try declare() }
        for rule in parser.rules {
            guard let node = rules[rule.name] else { continue }
            define(node, as: try made(rule.part, rules))
        }
        guard let root = rules["root"] else { throw GrammarError(.invalid, "the grammar has no rule `root`") }
        return root
    }

    /// The recursion is as deep as the groups, which the parser limits.
    private mutating func made(_ part: GBNFParser.Part, _ rules: [String: GrammarNode]) throws(GrammarError) -> GrammarNode {
        if let expression = part.expression { return try node(of: automaton(expression, .plain)) }
        switch part {
        case .expression: return try sequence([])
        case .rule(let name):
            guard let rule = rules[name] else { throw GrammarError(.invalid, "the grammar names a rule `\(name.prefix(80))` that it does not have") }
            return rule
        case .token(let id): return try token(id)
        case .sequence(let parts):
            var nodes: [GrammarNode] = []
            for part in parts { nodes.append(try made(part, rules)) }
            return try sequence(nodes)
        case .alternative(let parts):
            var nodes: [GrammarNode] = []
            for part in parts { nodes.append(try made(part, rules)) }
            return try alternative(nodes)
        case .repetition(let part, let least, let most):
            return try repetition(made(part, rules), least: least, most: most)
        }
    }
}
