import JSON

/// Keywords that split a conjunction into cases.
extension SchemaCompiler {
    /// The first such keyword of a schema that is not dealt with, and the schemas that each case adds. nil: there is none.
    mutating func group(of part: Part) throws(GrammarError) -> (keyword: String, branches: [[Int]])? {
        let object = object(part.place)
        for keyword in ["anyOf", "oneOf"] where object[keyword] != nil && !part.done.contains(keyword) {
            let count = try array(object, keyword, part.place).count
            guard count > 0 else {
                throw GrammarError(.invalid, "`\(keyword)` is empty", pointer: document[part.place].pointer)
            }
            let places = (0..<count).compactMap { document.place(of: part.place, [keyword, String($0)]) }
            if keyword == "oneOf", !areDisjoint(places) {
                try note("oneOf", part.place, "its schemas may overlap, so it is read as `anyOf`")
            }
            return (keyword, places.map { [$0] })
        }
        if let group = try dependency(part, object) { return group }
        if let group = try negation(part, object) { return group }
        return nil
    }

    /// `dependentRequired`, `dependentSchemas` and the older `dependencies`: the member is absent, or what depends on it holds.
    private mutating func dependency(_ part: Part, _ object: JSONObject) throws(GrammarError) -> (keyword: String, branches: [[Int]])? {
        for keyword in ["dependentRequired", "dependentSchemas", "dependencies"] {
            for (name, value) in try members(object, keyword, part.place) {
                let key = keyword + "/" + name
                guard !part.done.contains(key) else { continue }
                let absent = document.addMade(["properties": .object([name: false])], by: part.place, keyword)
                if let names = value.arrayValue {
                    let present = document.addMade(["required": .array([.string(name)] + names)], by: part.place, keyword)
                    return (key, [[absent], [present]])
                }
                let present = document.addMade(["required": [.string(name)]], by: part.place, keyword)
                guard let inner = document.place(of: part.place, [keyword, name]) else { continue }
                return (key, [[absent], [present, inner]])
            }
        }
        return nil
    }

    /// The few forms of `not` that say something simple.
    private mutating func negation(_ part: Part, _ object: JSONObject) throws(GrammarError) -> (keyword: String, branches: [[Int]])? {
        guard let inner = object["not"], !part.done.contains("not") else { return nil }
        func made(_ schema: JSONValue) -> [[Int]] { [[document.addMade(schema, by: part.place, "not")]] }
        switch inner {
        case .bool(let value): return ("not", made(.bool(!value)))
        case .object(let members):
            if members.isEmpty { return ("not", made(false)) }
            guard members.count == 1 else { break }
            if let types = members["type"] {
                let excluded = Set(types.arrayValue?.compactMap(\.stringValue) ?? types.stringValue.map { [$0] } ?? [])
                var left = ["null", "boolean", "string", "array", "object", "number"].filter { !excluded.contains($0) }
                if excluded.contains("integer"), left.contains("number") { break }
                left = left.filter { !excluded.contains($0) }
                return ("not", made(["type": .array(left.map(JSONValue.string))]))
            }
            if let required = members["required"]?.arrayValue?.compactMap(\.stringValue), required.count == 1 {
                return ("not", made(["type": "object", "properties": .object([required[0]: false])]))
            }
        default: break
        }
        return nil
    }

    // MARK: Disjoint schemas

    /// No value satisfies two of them: their types differ, or a constant does, or one object must have what another must not.
    private mutating func areDisjoint(_ places: [Int]) -> Bool {
        var outlines: [SchemaOutline] = []
        for place in places { outlines.append(outline(place)) }
        for (index, left) in outlines.enumerated() {
            for right in outlines[(index + 1)...] where !left.isDisjoint(from: right) { return false }
        }
        return true
    }

    private mutating func outline(_ place: Int) -> SchemaOutline {
        var object = object(place)
        var steps = 0
        while let reference = object["$ref"]?.stringValue, object["type"] == nil, steps < 8 {
            steps += 1
            do throws(GrammarError) {
                let target = try document.target(of: reference, at: place)
                object = self.object(target)
            } catch {
                // The reference is reported where the schema itself is compiled.
                break
            }
        }
        return SchemaOutline(object, isClosed: !options.allowsUndeclaredMembers, infersTypes: options.infersTypes)
    }
}

/// What can be seen of a schema without compiling it, for telling that two schemas exclude each other.
private struct SchemaOutline {
    var types: JSONTypes
    var constants: [JSONValue]?
    var required: Set<String>
    var properties: JSONObject
    var isClosed: Bool

    init(_ object: JSONObject, isClosed: Bool, infersTypes: Bool) {
        types = JSONTypes(object["type"]) ?? .all
        constants = object["const"].map { [$0] } ?? object["enum"]?.arrayValue
        if let constants { types = types.intersection(constants.reduce(JSONTypes()) { $0.union(JSONTypes(of: $1)) }) }
        required = Set((object["required"]?.arrayValue ?? []).compactMap(\.stringValue))
        properties = object["properties"]?.objectValue ?? JSONObject()
        if infersTypes, object["type"] == nil, constants == nil, !properties.isEmpty { types = .object }
        let additional = object["additionalProperties"]
        self.isClosed = additional == false || (additional == nil && isClosed && !properties.isEmpty)
        if object["patternProperties"] != nil { self.isClosed = false }
    }

    func isDisjoint(from other: SchemaOutline) -> Bool {
        let common = types.intersection(other.types)
        if common.isEmpty { return true }
        if let own = constants, let others = other.constants {
            let texts = Set(own.map { CanonicalJSON.text($0) })
            return !others.contains { texts.contains(CanonicalJSON.text($0)) }
        }
        guard common == .object else { return false }
        if isClosed, other.required.contains(where: { properties[$0] == nil }) { return true }
        if other.isClosed, required.contains(where: { other.properties[$0] == nil }) { return true }
        for name in required.intersection(other.required) {
            guard let own = properties[name]?.objectValue, let others = other.properties[name]?.objectValue else { continue }
            let left = SchemaOutline(own, isClosed: false, infersTypes: false)
            let right = SchemaOutline(others, isClosed: false, infersTypes: false)
            if left.types.intersection(right.types).isEmpty { return true }
            if let a = left.constants, let b = right.constants {
                let texts = Set(a.map { CanonicalJSON.text($0) })
                if !b.contains(where: { texts.contains(CanonicalJSON.text($0)) }) { return true }
            }
        }
        return false
    }
}
