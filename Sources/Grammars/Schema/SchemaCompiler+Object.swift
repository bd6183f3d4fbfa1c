import JSON

/// Objects.
extension SchemaCompiler {
    mutating func objectNode(_ places: [Int]) throws(GrammarError) -> GrammarNode {
        var (least, most): (Int, Int?) = (0, nil)
        var names: [String] = []
        var known = Set<String>()
        var required = Set<String>()
        var isDeclaring = false
        for place in places {
            let object = object(place)
            least = max(least, try count(object, "minProperties", place) ?? 0)
            if let own = try count(object, "maxProperties", place) { most = min(most ?? own, own) }
            for (name, _) in try members(object, "properties", place) where known.insert(name).inserted { names.append(name) }
            for keyword in ["properties", "patternProperties"] where try !members(object, keyword, place).isEmpty { isDeclaring = true }
        }
        for place in places {
            for value in try array(object(place), "required", place) {
                guard let name = value.stringValue else { throw wrong("required", "an array of strings", value, place) }
                required.insert(name)
                if known.insert(name).inserted { names.append(name) }
            }
        }
        guard names.count <= builder.limits.properties else {
            throw GrammarError(
                .tooComplex, "an object has \(names.count) properties; at most \(builder.limits.properties) are taken",
                pointer: places.first.map { document[$0].pointer })
        }
        let patterns = try namePatterns(places)
        let propertyNames = try propertyNames(places)
        var declared: [ObjectNode.Member] = []
        for name in names {
            let content = JSONText.content(name)
            let matched = patterns.indices.filter { patterns[$0].automaton?.label(of: content) ?? 0 != 0 }
            let isNamed = propertyNames.allSatisfy { $0.label(of: JSONText.quoted(name)) != 0 }
            guard isNamed, let parts = try schemas(of: name, matched.map { patterns[$0] }, places) else {
                if required.contains(name) { return try builder.alternative([]) }
                // Declared, so that it is no undeclared member either.
                declared.append(.init(name: name, value: try builder.alternative([]), isRequired: false))
                continue
            }
            declared.append(.init(name: name, value: try memberValue(node(places: parts)), isRequired: required.contains(name)))
        }
        let seesAll = places.contains { object($0)["unevaluatedProperties"] == false }
        if let place = places.first(where: { object($0)["unevaluatedProperties"] == false }),
            places.contains(where: { !document[$0].pointer.hasPrefix(document[place].pointer) })
        {
            try note("unevaluatedProperties", place, "schemas beside it count as seen by it")
        }
        let isClosed = seesAll || (isDeclaring && !options.allowsUndeclaredMembers)
        let (extraNames, extraValues) = try extraMembers(places, patterns, names, propertyNames, isClosed: isClosed)
        return try builder.add(
            .object(
                ObjectNode(
                    members: declared, extraNames: extraNames, extraValues: extraValues, least: least, most: most, order: options.order,
                    punctuation: punctuation)))
    }

    /// A pattern of names, and the schema that the members have whose names it finds.
    struct NamePattern {
        var owner: Int
        var schema: Int
        /// Of the names it finds, without quotes.
        var automaton: ByteAutomaton?
    }

    private mutating func namePatterns(_ places: [Int]) throws(GrammarError) -> [NamePattern] {
        var patterns: [NamePattern] = []
        for place in places {
            for (pattern, _) in try members(object(place), "patternProperties", place) {
                guard let schema = document.place(of: place, ["patternProperties", pattern]) else { continue }
                let automaton: ByteAutomaton?
                do throws(GrammarError) {
                    automaton = try builder.strings(matching: pattern)
                } catch {
                    var error = error
                    error.pointer = document[place].pointer + "/patternProperties/" + SchemaDocument.escaped(pattern)
                    throw error
                }
                patterns.append(NamePattern(owner: place, schema: schema, automaton: automaton))
            }
        }
        guard patterns.count < 62 else {
            throw GrammarError(
                .tooComplex, "an object has \(patterns.count) patterns of names; at most 61 are taken",
                pointer: places.first.map { document[$0].pointer })
        }
        return patterns
    }

    private mutating func propertyNames(_ places: [Int]) throws(GrammarError) -> [ByteAutomaton] {
        var found: [ByteAutomaton] = []
        for place in places where object(place)["propertyNames"] != nil {
            guard let inner = document.place(of: place, ["propertyNames"]) else { continue }
            switch document[inner].value {
            case .bool(true): continue
            case .bool(false): found.append(try emptyNames())
            case .object(let object):
                let simple: Set<String> = ["type", "pattern", "minLength", "maxLength", "enum", "const", "format", "description", "title", "$comment"]
                guard object.keys.allSatisfy(simple.contains), try types(of: [inner]).contains(.string) else {
                    try note("propertyNames", place)
                    continue
                }
                if object["enum"] != nil || object["const"] != nil {
                    let values = try array(object, "enum", inner) + (object["const"].map { [$0] } ?? [])
                    let words = try ByteAutomaton.words(values.compactMap(\.stringValue).map(JSONText.quoted), limits: builder.limits)
                    if let words { found.append(words) } else { found.append(try emptyNames()) }
                } else if let names = try plainStrings([inner]) {
                    found.append(names)
                }
            default: throw wrong("propertyNames", "a schema", document[inner].value, place)
            }
        }
        return found
    }

    /// Matches something that is no quoted name.
    private func emptyNames() throws(GrammarError) -> ByteAutomaton {
        guard let automaton = try ByteAutomaton.words([[0]], limits: builder.limits) else { return StandardAutomata.null }
        return automaton
    }

    /// What a member must satisfy together; nil: nothing does.
    private mutating func schemas(of name: String?, _ matched: [NamePattern], _ places: [Int]) throws(GrammarError) -> [Int]? {
        var parts: [Int] = []
        for place in places {
            let object = object(place)
            var own = matched.filter { $0.owner == place }.map(\.schema)
            let properties = try members(object, "properties", place)
            if let name, properties[name] != nil,
                let schema = document.place(of: place, ["properties", name])
            {
                own.append(schema)
            }
            if own.isEmpty, object["additionalProperties"] != nil, let schema = document.place(of: place, ["additionalProperties"]) {
                own.append(schema)
            }
            for schema in own {
                if document[schema].value == false { return nil }
                parts.append(schema)
            }
        }
        return parts
    }

    private mutating func extraMembers(
        _ places: [Int], _ patterns: [NamePattern], _ names: [String], _ propertyNames: [ByteAutomaton], isClosed: Bool
    ) throws(GrammarError) -> (ByteAutomaton?, [UInt64: GrammarNode]) {
        let isExplicit = places.contains { object($0)["additionalProperties"] != nil }
        var others = try schemas(of: nil, [], places)
        if isClosed, !isExplicit { others = nil }
        if patterns.isEmpty, propertyNames.isEmpty {
            guard let others else { return (nil, [:]) }
            return (StandardAutomata.plainString, [1: try memberValue(node(places: others))])
        }
        var labelled = try labelledNames(patterns)
        for other in propertyNames {
            labelled = try labelled?.intersection(other, limits: builder.limits, deadline: builder.deadline)
        }
        if !names.isEmpty, let words = try ByteAutomaton.words(names.map(JSONText.quoted), limits: builder.limits) {
            labelled = try labelled?.subtracting(words, limits: builder.limits, deadline: builder.deadline)
        }
        guard let labelled else { return (nil, [:]) }
        var values: [UInt64: GrammarNode] = [:]
        for label in Set(labelled.labels).subtracting([0]).sorted() {
            let matched = patterns.indices.filter { label >> UInt64($0 + 1) & 1 == 1 }.map { patterns[$0] }
            let parts = matched.isEmpty ? others : try schemas(of: nil, matched, places)
            if let parts { values[label] = try memberValue(node(places: parts)) }
        }
        let kept = labelled.labels.map { values[$0] == nil ? 0 : $0 }
        let automaton = ByteAutomaton.pruned(
            classes: labelled.classes, classCount: labelled.classCount, table: labelled.table, labels: kept)
        return (automaton, automaton == nil ? [:] : values)
    }

    /// All quoted names; bit 0 is in every label, the other bits say which patterns find the name.
    private func labelledNames(_ patterns: [NamePattern]) throws(GrammarError) -> ByteAutomaton? {
        guard var names = try builder.automaton(.any(.scalars(.all)), .json) else { return nil }
        for (index, pattern) in patterns.enumerated() {
            guard let automaton = pattern.automaton else { continue }
            let bit: UInt64 = 1 << UInt64(index + 1)
            let joined = try ByteAutomaton.product(
                names, automaton, limits: builder.limits, deadline: builder.deadline, goesOn: { left, _ in left >= 0 },
                label: { $0 == 0 ? 0 : $1 != 0 ? $0 | bit : $0 })
            guard let joined else { return nil }
            names = joined
        }
        return names.quoted
    }
}
