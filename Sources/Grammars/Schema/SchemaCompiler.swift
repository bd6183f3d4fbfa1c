import JSON

/// Turns a JSON Schema into nodes.
///
/// The unit of work is a conjunction: some schemas that one value must satisfy together. `$ref`, `allOf` and neighbouring keywords only add
/// to a conjunction; `anyOf` splits it. Each conjunction is compiled once, from a list of those to do, so neither nesting nor recursion of a
/// schema is recursion here.
struct SchemaCompiler {
    /// A schema of the document, with the keywords that are dealt with already.
    struct Part: Hashable, Comparable {
        var place: Int
        var done: Set<String> = []

        static func < (left: Part, right: Part) -> Bool {
            left.place == right.place ? left.done.sorted().lexicographicallyPrecedes(right.done.sorted()) : left.place < right.place
        }
    }

    var document: SchemaDocument
    let options: SchemaOptions
    var builder: GrammarBuilder
    let punctuation: Punctuation
    private var nodes: [[Part]: GrammarNode] = [:]
    private var pending: [[Part]] = []

    init(_ schema: JSONValue, options: SchemaOptions, builder: GrammarBuilder) throws(GrammarError) {
        let bytes = schema.serializedBytes().count
        guard bytes <= builder.limits.sourceBytes else {
            throw GrammarError(.tooComplex, "the schema has \(bytes) bytes; at most \(builder.limits.sourceBytes) are taken", pointer: "")
        }
        document = try SchemaDocument(schema, limits: builder.limits)
        self.options = options
        self.builder = builder
        punctuation = try self.builder.punctuation(options)
    }

    mutating func compile() throws(GrammarError) -> GrammarNode {
        let root = try node([Part(place: 0)])
        while let next = pending.popLast() {
            guard let node = nodes[next] else { continue }
            let body = try compile(next)
            builder.define(node, as: body)
        }
        return root
    }

    /// The node of a conjunction, which is compiled later.
    mutating func node(_ parts: [Part]) throws(GrammarError) -> GrammarNode {
        var key: [Part] = []
        for part in parts.sorted() where key.last != part { key.append(part) }
        if let known = nodes[key] { return known }
        let node = try builder.declare()
        nodes[key] = node
        pending.append(key)
        return node
    }

    mutating func node(places: [Int]) throws(GrammarError) -> GrammarNode { try node(places.map { Part(place: $0) }) }

    // MARK: A conjunction

    private mutating func compile(_ parts: [Part]) throws(GrammarError) -> GrammarNode {
        guard let flat = try flattened(parts) else { return try builder.alternative([]) }
        for (index, part) in flat.enumerated() {
            if let group = try group(of: part) {
                // Beside these is what they refer to. A branch that refers to the same says it anew.
                var rest = flat
                for place in rest.indices { rest[place].done.formUnion(Self.referring) }
                rest[index].done.insert(group.keyword)
                var branches: [GrammarNode] = []
                for branch in group.branches { branches.append(try node(rest + branch.map { Part(place: $0) })) }
                return try builder.alternative(branches)
            }
        }
        return try typed(flat.map(\.place))
    }

    private static let referring: Set = ["$ref", "allOf"]

    /// With what `$ref` and `allOf` lead to. nil: nothing satisfies it.
    private mutating func flattened(_ parts: [Part]) throws(GrammarError) -> [Part]? {
        var flat: [Part] = []
        var queue: [(part: Part, parent: Int)] = parts.map { ($0, -1) }
        var seen = Set<Part>()
        var next = 0
        while next < queue.count {
            let (part, parent) = queue[next]
            defer { next += 1 }
            guard seen.insert(part).inserted else {
                try refuseCycle(queue.map(\.part.place), queue.map(\.parent), next, parent)
                continue
            }
            let place = document[part.place]
            switch place.value {
            case .bool(true): continue
            case .bool(false): return nil
            case .object(let object):
                flat.append(part)
                guard part.done.isDisjoint(with: Self.referring) else { continue }
                if let reference = try string(object, "$ref", part.place) {
                    queue.append((Part(place: try document.target(of: reference, at: part.place)), next))
                }
                for index in try array(object, "allOf", part.place).indices {
                    if let inner = document.place(of: part.place, ["allOf", String(index)]) { queue.append((Part(place: inner), next)) }
                }
            default:
                throw GrammarError(
                    .invalid, "a schema is an object or a boolean; this is \(place.value.kindName)", pointer: place.pointer)
            }
        }
        return flat
    }

    /// Two references to one schema are fine; a chain of them that leads back to itself never reads a byte.
    private func refuseCycle(_ places: [Int], _ parents: [Int], _ index: Int, _ parent: Int) throws(GrammarError) {
        var ancestor = parent
        while ancestor >= 0 {
            guard places[ancestor] != places[index] else {
                throw GrammarError(.invalid, "`$ref` leads back to itself", pointer: document[places[index]].pointer)
            }
            ancestor = parents[ancestor]
        }
    }

    // MARK: Reading keywords

    func object(_ place: Int) -> JSONObject { document[place].value.objectValue ?? JSONObject() }

    func wrong(_ keyword: String, _ expected: String, _ value: JSONValue, _ place: Int) -> GrammarError {
        GrammarError(.invalid, "`\(keyword)` is \(value.kindName); expected \(expected)", pointer: document[place].pointer)
    }

    func string(_ object: JSONObject, _ keyword: String, _ place: Int) throws(GrammarError) -> String? {
        guard let value = object[keyword] else { return nil }
        guard let text = value.stringValue else { throw wrong(keyword, "a string", value, place) }
        return text
    }

    func array(_ object: JSONObject, _ keyword: String, _ place: Int) throws(GrammarError) -> [JSONValue] {
        guard let value = object[keyword] else { return [] }
        guard let elements = value.arrayValue else { throw wrong(keyword, "an array", value, place) }
        return elements
    }

    func members(_ object: JSONObject, _ keyword: String, _ place: Int) throws(GrammarError) -> JSONObject {
        guard let value = object[keyword] else { return JSONObject() }
        guard let members = value.objectValue else { throw wrong(keyword, "an object", value, place) }
        return members
    }

    /// A number that counts something.
    func count(_ object: JSONObject, _ keyword: String, _ place: Int) throws(GrammarError) -> Int? {
        guard let value = object[keyword] else { return nil }
        guard let number = value.doubleValue, number >= 0, number == number.rounded() else {
            throw wrong(keyword, "a whole number from 0", value, place)
        }
        return Int(min(number, Double(1 << 27)))
    }

    func number(_ object: JSONObject, _ keyword: String, _ place: Int) throws(GrammarError) -> JSONValue? {
        guard let value = object[keyword] else { return nil }
        guard value.doubleValue != nil else { throw wrong(keyword, "a number", value, place) }
        return value
    }

    /// A keyword that is not enforced.
    mutating func note(_ keyword: String, _ place: Int, _ why: String = "") throws(GrammarError) {
        let pointer = document[place].pointer
        let reason = why.isEmpty ? "" : ": \(why)"
        guard !options.isStrict else {
            throw GrammarError(.unsupported, "`\(keyword)` cannot be enforced\(reason)", pointer: pointer)
        }
        let note = "`\(keyword)` at \(pointer.isEmpty ? "the schema's root" : pointer) is not enforced\(reason)"
        if builder.notes.count < Self.mostNotes, !builder.notes.contains(note) { builder.notes.append(note) }
    }

    private static let mostNotes = 64
}

extension GrammarBuilder {
    mutating func punctuation(_ options: SchemaOptions) throws(GrammarError) -> Punctuation {
        let pattern = options.isCompact ? "" : options.whitespacePattern
        if let known = punctuation[pattern] { return known }
        let space: GrammarNode
        if let pattern {
            space = pattern.isEmpty ? try sequence([]) : try regularExpression(pattern)
        } else {
            space = try add(.automaton(StandardAutomata.space, nil))
        }
        let made = Punctuation(
            space: space, closeObject: try sequence([space, literal("}")]), closeList: try sequence([space, literal("]")]),
            comma: try sequence([literal(","), space]))
        punctuation[pattern] = made
        return made
    }
}
