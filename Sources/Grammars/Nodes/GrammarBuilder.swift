public import JSON

/// Puts a grammar together from parts: fixed texts, JSON schemas, regular expressions, GBNF, and free text with triggers.
///
///     var builder = GrammarBuilder()
///     let weather = try builder.sequence([
///         builder.literal("{\"name\": \"weather\", \"arguments\": "), builder.schema(parameters), builder.literal("}</tool_call>"),
///     ])
///     // Free text; each <tool_call> begins a call, after which the text goes on.
///     let answer = try builder.text([.init("<tool_call>", then: weather)])
///     let grammar = try builder.grammar(answer)
///
/// A part may be used in several places, and a node that `declare` made may be used before `define` says what it is. All parts
/// of a grammar share the limits. Errors: `GrammarError`; those of schemas carry a JSON pointer.
public struct GrammarBuilder {
    public let limits: GrammarLimits
    let deadline: Deadline
    /// The first two are the brackets that open objects and lists.
    private(set) var bodies: [NodeBody] = [.literal([UInt8(ascii: "{")]), .literal([UInt8(ascii: "[")])]
    /// Keywords of schemas that are not enforced, for people.
    public internal(set) var notes: [String] = []
    /// The token that a vocabulary spells so, for grammars that name tokens by their text.
    public var tokenNamed: (String) -> Int32? = { _ in nil }
    /// Spaces by their pattern; nil is the standard one.
    var punctuation: [String?: Punctuation] = [:]
    /// What several schemas need, by what it was made from.
    private var automata: [String: ByteAutomaton?] = [:]
    /// The node of any JSON value, by its punctuation and what objects may be.
    var anyValues: [AnyValueKey: GrammarNode] = [:]

    public init(limits: GrammarLimits = GrammarLimits()) {
        self.limits = limits
        deadline = Deadline(limits)
    }

    /// Notes for people what is not enforced.
    public mutating func note(_ text: String) { notes.append(text) }

    // MARK: Parts

    /// A fixed text, byte by byte. The empty text is allowed.
    public mutating func literal(_ text: String) throws(GrammarError) -> GrammarNode { try literal(Array(text.utf8)) }

    /// A token of the vocabulary by its id, also a special one, which no text spells.
    public mutating func token(_ id: Int32) throws(GrammarError) -> GrammarNode { try literal(TokenVocabulary.marked(id)) }

    /// The parts one after the other.
    public mutating func sequence(_ parts: [GrammarNode]) throws(GrammarError) -> GrammarNode {
        parts.count == 1 ? parts[0] : try add(.sequence(parts))
    }

    /// One of the parts.
    public mutating func alternative(_ parts: [GrammarNode]) throws(GrammarError) -> GrammarNode {
        parts.count == 1 ? parts[0] : try add(.alternative(parts))
    }

    /// The part some times, which are counted at run time: large numbers cost nothing.
    ///
    /// - Parameter most: nil is any number. A part that can be empty takes no bounds other than 0 or 1.
    public mutating func repetition(_ part: GrammarNode, least: Int = 0, most: Int? = nil) throws(GrammarError) -> GrammarNode {
        if let most, most < least { return try add(.alternative([])) }
        return try add(.repetition(part, least: max(least, 0), most: most))
    }

    /// Free text up to one of the triggers, then what belongs to that trigger, and so on. It may end anywhere in the free text.
    ///
    /// The text contains no trigger: the first that is complete acts. Without triggers it is any text.
    public mutating func text(_ triggers: [TextTrigger] = []) throws(GrammarError) -> GrammarNode {
        let automaton = try ByteAutomaton.text(until: triggers.map(\.bytes), limits: limits)
        return try add(.text(TextNode(automaton: automaton, parts: triggers.map(\.part), goesOn: triggers.map(\.goesOn))))
    }

    /// One of some texts.
    public mutating func choice(_ texts: [String]) throws(GrammarError) -> GrammarNode {
        guard texts.count <= limits.enumeration else {
            throw GrammarError(.tooComplex, "\(texts.count) texts to choose from; at most \(limits.enumeration) are taken")
        }
        let bytes = texts.reduce(0) { $0 + $1.utf8.count }
        guard bytes <= limits.sourceBytes else {
            throw GrammarError(.tooComplex, "the texts to choose from have \(bytes) bytes; at most \(limits.sourceBytes) are taken")
        }
        guard !texts.isEmpty else { throw GrammarError(.invalid, "there is no text to choose") }
        guard !texts.contains("") else { throw GrammarError(.invalid, "one of the texts to choose from is empty") }
        return try node(of: .words(texts.map { Array($0.utf8) }, limits: limits))
    }

    /// Any text that a regular expression matches from its first to its last character.
    public mutating func regularExpression(_ pattern: String) throws(GrammarError) -> GrammarNode {
        try node(of: automaton(ExpressionParser.parse(pattern, limits: limits), .plain))
    }

    /// Any JSON value that satisfies a schema.
    public mutating func schema(_ schema: JSONValue, options: SchemaOptions = SchemaOptions()) throws(GrammarError) -> GrammarNode {
        var compiler = try SchemaCompiler(schema, options: options, builder: self)
        let node = try compiler.compile()
        self = compiler.builder
        return node
    }

    // MARK: Recursion

    /// A part that is defined later, so that it can contain itself.
    public mutating func declare() throws(GrammarError) -> GrammarNode { try add(.undefined) }

    public mutating func define(_ node: GrammarNode, as part: GrammarNode) { bodies[node.place] = .sequence([part]) }

    // MARK: The whole

    /// The grammar of whole answers. Fails where no text matches, or where a part would have to begin with itself.
    public func grammar(_ root: GrammarNode) throws(GrammarError) -> Grammar {
        let analysis = try GrammarAnalysis(bodies, limits: limits)
        guard analysis.isPossible(root) else {
            throw GrammarError(.invalid, "no text satisfies it: its conditions contradict each other")
        }
        return Grammar(bodies: bodies, depths: analysis.depths, root: root, notes: notes, limits: limits)
    }

    mutating func add(_ body: NodeBody) throws(GrammarError) -> GrammarNode {
        guard bodies.count < limits.nodes else { throw GrammarError(.tooComplex, "more than \(limits.nodes) nodes are needed") }
        if bodies.count & 1023 == 0 { try deadline.check() }
        bodies.append(body)
        return GrammarNode(bodies.count - 1)
    }

    mutating func literal(_ bytes: [UInt8]) throws(GrammarError) -> GrammarNode {
        try add(bytes.isEmpty ? .sequence([]) : .literal(bytes))
    }

    /// nil matches nothing.
    mutating func node(of automaton: ByteAutomaton?, bounds: LengthBounds? = nil) throws(GrammarError) -> GrammarNode {
        guard let automaton else { return try add(.alternative([])) }
        return try add(.automaton(automaton, bounds))
    }

    /// The automaton of strings that contain a match of a pattern, without quotation marks. It is made once for a grammar.
    mutating func strings(matching pattern: String) throws(GrammarError) -> ByteAutomaton? {
        try automaton("pattern " + pattern) { builder throws(GrammarError) in
            try builder.automaton(ExpressionParser.parse(pattern, limits: builder.limits).searched, .json)
        }
    }

    /// The automaton that is kept under a name.
    mutating func automaton(
        _ name: String, _ make: (GrammarBuilder) throws(GrammarError) -> ByteAutomaton?
    ) throws(GrammarError) -> ByteAutomaton? {
        if let known = automata[name] { return known }
        let made = try make(self)
        automata[name] = .some(made)
        return made
    }

    func automaton(_ expression: Expression, _ encoding: ScalarEncoding) throws(GrammarError) -> ByteAutomaton? {
        var parts = ExpressionAutomaton(encoding, limits: limits)
        try parts.add(expression)
        var determiniser = Determiniser(parts, limits: limits, deadline: deadline)
        return try determiniser.run()
    }
}

/// What begins a part in free text.
public struct TextTrigger: Sendable {
    let bytes: [UInt8]
    let part: GrammarNode
    let goesOn: Bool

    /// - Parameters:
    ///   - text: not empty.
    ///   - part: what follows. One that matches nothing forbids the trigger.
    ///   - goesOn: the free text goes on after the part; otherwise the text is over with it.
    public init(_ text: String, then part: GrammarNode, goesOn: Bool = true) {
        precondition(!text.isEmpty, "a trigger has at least one character")
        (bytes, self.part, self.goesOn) = (Array(text.utf8), part, goesOn)
    }

    /// A token, also a special one that no text spells.
    public init(token: Int32, then part: GrammarNode, goesOn: Bool = true) {
        (bytes, self.part, self.goesOn) = (TokenVocabulary.marked(token), part, goesOn)
    }
}
