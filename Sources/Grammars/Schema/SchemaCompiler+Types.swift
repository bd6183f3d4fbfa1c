import JSON

/// A conjunction whose cases are split: one alternative for each type that all its schemas allow.
extension SchemaCompiler {
    mutating func typed(_ places: [Int]) throws(GrammarError) -> GrammarNode {
        for place in places { try noteUnsupported(place) }
        let types = try types(of: places)
        if let values = try enumeration(places) {
            return try constants(values.filter { types.contains(JSONTypes(of: $0)) && SchemaCheck(self).accepts($0, places) })
        }
        if places.allSatisfy({ isAnything($0) }), types == .all { return try builder.anyValue(options, punctuation) }
        var alternatives: [GrammarNode] = []
        if types.contains(.object) { alternatives.append(try objectNode(places)) }
        if types.contains(.array) { alternatives.append(try listNode(places)) }
        if types.contains(.string) { alternatives.append(try stringNode(places)) }
        if types.contains(.integer) {
            alternatives.append(try numberNode(places, isInteger: !types.contains(.fraction)))
        }
        if types.contains(.boolean) { alternatives.append(try builder.node(of: StandardAutomata.boolean)) }
        if types.contains(.null) { alternatives.append(try builder.node(of: StandardAutomata.null)) }
        return try builder.alternative(alternatives)
    }

    // MARK: Types

    private static let keywords: [(types: JSONTypes, names: [String])] = [
        (
            .object,
            [
                "properties", "required", "additionalProperties", "patternProperties", "minProperties", "maxProperties", "propertyNames",
                "unevaluatedProperties",
            ]
        ),
        (.array, ["items", "prefixItems", "minItems", "maxItems", "additionalItems", "contains", "uniqueItems", "unevaluatedItems"]),
        (.string, ["minLength", "maxLength", "pattern", "format"]),
        (.number, ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]),
    ]

    private func isAnything(_ place: Int) -> Bool {
        let object = object(place)
        return Self.keywords.allSatisfy { $0.names.allSatisfy { object[$0] == nil } }
    }

    func types(of places: [Int]) throws(GrammarError) -> JSONTypes {
        var types = JSONTypes.all
        var spoken = JSONTypes()
        for place in places {
            let object = object(place)
            if let value = object["type"] {
                types.formIntersection(try declaredTypes(value, place))
            } else if object["enum"] == nil, object["const"] == nil {
                for (own, names) in Self.keywords where names.contains(where: { object[$0] != nil }) { spoken.formUnion(own) }
            }
        }
        let isOpen = places.allSatisfy { object($0)["type"] == nil && object($0)["enum"] == nil && object($0)["const"] == nil }
        if options.infersTypes, isOpen, !spoken.isEmpty { types.formIntersection(spoken) }
        return types
    }

    private func declaredTypes(_ value: JSONValue, _ place: Int) throws(GrammarError) -> JSONTypes {
        let names = value.arrayValue ?? [value]
        var types = JSONTypes()
        for name in names {
            guard let text = name.stringValue, let type = JSONTypes.named[text] else {
                throw GrammarError(
                    .invalid, "`type` is \(name.stringValue.map { "`\($0.prefix(40))`" } ?? name.kindName); expected one of JSON's types",
                    pointer: document[place].pointer)
            }
            types.formUnion(type)
        }
        return types
    }

    // MARK: Constants

    /// The values that all enumerations have; nil: there is none.
    private func enumeration(_ places: [Int]) throws(GrammarError) -> [JSONValue]? {
        var values: [JSONValue]?
        for place in places {
            let object = object(place)
            var lists: [[JSONValue]] = []
            if object["enum"] != nil { lists.append(try array(object, "enum", place)) }
            if let constant = object["const"] { lists.append([constant]) }
            for list in lists {
                guard list.count <= builder.limits.enumeration else {
                    throw GrammarError(
                        .tooComplex, "`enum` has \(list.count) values; at most \(builder.limits.enumeration) are taken",
                        pointer: document[place].pointer)
                }
                guard let known = values else {
                    values = list
                    continue
                }
                let texts = Set(list.map { CanonicalJSON.text($0) })
                values = known.filter { texts.contains(CanonicalJSON.text($0)) }
            }
        }
        return values
    }

    private mutating func constants(_ values: [JSONValue]) throws(GrammarError) -> GrammarNode {
        var words: [[UInt8]] = []
        var others: [GrammarNode] = []
        for value in values {
            switch value {
            case .array, .object: others.append(try constant(value))
            default: words.append(Array(CanonicalJSON.text(value).utf8))
            }
        }
        if !words.isEmpty { others.append(try builder.node(of: .words(words, limits: builder.limits))) }
        return try builder.alternative(others)
    }

    /// The recursion is as deep as the value, which the JSON parser limits.
    private mutating func constant(_ value: JSONValue) throws(GrammarError) -> GrammarNode {
        switch value {
        case .array(let elements):
            var prefix: [GrammarNode] = []
            for element in elements { prefix.append(try constant(element)) }
            return try builder.add(
                .list(ListNode(prefix: prefix, rest: nil, least: prefix.count, most: prefix.count, punctuation: punctuation)))
        case .object(let members):
            var declared: [ObjectNode.Member] = []
            for (name, value) in members {
                declared.append(.init(name: name, value: try memberValue(constant(value)), isRequired: true))
            }
            return try builder.add(
                .object(
                    ObjectNode(
                        members: declared, extraNames: nil, extraValues: [:], least: 0, most: nil, order: options.order,
                        punctuation: punctuation)))
        default: return try builder.literal(Array(CanonicalJSON.text(value).utf8))
        }
    }

    mutating func memberValue(_ value: GrammarNode) throws(GrammarError) -> GrammarNode {
        try builder.sequence([builder.literal(":"), punctuation.space, value])
    }

    // MARK: What is not enforced

    private mutating func noteUnsupported(_ place: Int) throws(GrammarError) {
        let object = object(place)
        if object["not"] != nil, try group(of: Part(place: place, done: ["anyOf", "oneOf"]))?.keyword != "not" {
            // A form that is dealt with has become a part of its own.
            if !isSimpleNegation(object["not"]) { try note("not", place) }
        }
        if object["if"] != nil, object["then"] != nil || object["else"] != nil { try note("if", place) }
        if object["uniqueItems"] == true { try note("uniqueItems", place) }
        for keyword in ["contains", "unevaluatedItems", "$dynamicRef", "$recursiveRef"] where object[keyword] != nil {
            try note(keyword, place)
        }
        if let extra = object["unevaluatedProperties"], extra != false { if extra != true { try note("unevaluatedProperties", place) } }
    }

    private func isSimpleNegation(_ value: JSONValue?) -> Bool {
        switch value {
        case .bool: true
        case .object(let members):
            members.isEmpty || (members.count == 1 && (members["required"]?.arrayValue?.count == 1))
                || (members.count == 1 && members["type"] != nil && !Self.namesIntegerOnly(members["type"]))
        default: false
        }
    }

    private static func namesIntegerOnly(_ value: JSONValue?) -> Bool {
        let names = value?.arrayValue?.compactMap(\.stringValue) ?? value?.stringValue.map { [$0] } ?? []
        return names.contains("integer") && !names.contains("number")
    }
}

extension GrammarBuilder {
    /// Any JSON value; objects may have any members.
    mutating func anyValue(_ options: SchemaOptions, _ punctuation: Punctuation) throws(GrammarError) -> GrammarNode {
        let key = AnyValueKey(pattern: options.isCompact ? "" : options.whitespacePattern, order: options.order == .any ? 1 : 0)
        if let known = anyValues[key] { return known }
        let value = try declare()
        anyValues[key] = value
        let object = try anyObject(of: value, options, punctuation)
        let list = try add(.list(ListNode(prefix: [], rest: value, least: 0, most: nil, punctuation: punctuation)))
        define(
            value,
            as: try alternative([
                object, list, node(of: StandardAutomata.string), node(of: StandardAutomata.number), node(of: StandardAutomata.boolean),
                node(of: StandardAutomata.null),
            ]))
        return value
    }

    private mutating func anyObject(
        of value: GrammarNode, _ options: SchemaOptions, _ punctuation: Punctuation
    ) throws(GrammarError) -> GrammarNode {
        let member = try sequence([literal(":"), punctuation.space, value])
        return try add(
            .object(
                ObjectNode(
                    members: [], extraNames: StandardAutomata.plainString, extraValues: [1: member], least: 0, most: nil, order: options.order,
                    punctuation: punctuation)))
    }

    /// Any JSON object.
    public mutating func anyObject(options: SchemaOptions = SchemaOptions()) throws(GrammarError) -> GrammarNode {
        let punctuation = try punctuation(options)
        return try anyObject(of: anyValue(options, punctuation), options, punctuation)
    }
}
