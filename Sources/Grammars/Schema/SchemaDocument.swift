import JSON

/// A schema with the places that references can name.
struct SchemaDocument {
    struct Place {
        var value: JSONValue
        /// JSON pointer from the document's root.
        var pointer: String
        /// Place of the schema that `#` means here: the document, or a part with its own `$id`.
        var resource: Int
        var base: String
    }

    private(set) var places: [Place] = []
    private var byPointer: [String: Int] = [:]
    /// By URI without fragment.
    private var resources: [String: Int] = [:]
    /// By URI and anchor, with `#` between.
    private var anchors: [String: Int] = [:]
    private let limits: GrammarLimits

    init(_ root: JSONValue, limits: GrammarLimits) throws(GrammarError) {
        self.limits = limits
        places.append(Place(value: root, pointer: "", resource: 0, base: ""))
        byPointer[""] = 0
        var depths = [0]
        // Breadth first: parents have their base before their children are looked at.
        var next = 0
        while next < places.count {
            try register(next)
            guard depths[next] <= limits.depth else {
                throw GrammarError(.tooComplex, "schemas are nested deeper than \(limits.depth)", pointer: places[next].pointer)
            }
            for (path, value) in Self.children(places[next].value) {
                add(value, pointer: places[next].pointer + path, in: next)
                while depths.count < places.count { depths.append(depths[next] + 1) }
            }
            next += 1
        }
    }

    subscript(place: Int) -> Place { places[place] }

    /// A schema that stands for a keyword of another.
    mutating func addMade(_ value: JSONValue, by place: Int, _ name: String) -> Int {
        add(value, pointer: places[place].pointer + "/" + name, in: place, isMade: true)
    }

    /// The place of a part of a schema.
    mutating func place(of parent: Int, _ path: [String]) -> Int? {
        var value = places[parent].value
        var pointer = places[parent].pointer
        for step in path {
            guard let next = Self.step(value, step) else { return nil }
            value = next
            pointer += "/" + Self.escaped(step)
        }
        return byPointer[pointer] ?? add(value, pointer: pointer, in: parent)
    }

    @discardableResult
    private mutating func add(_ value: JSONValue, pointer: String, in parent: Int, isMade: Bool = false) -> Int {
        let index = places.count
        places.append(Place(value: value, pointer: pointer, resource: places[parent].resource, base: places[parent].base))
        if !isMade { byPointer[pointer] = index }
        return index
    }

    private mutating func register(_ index: Int) throws(GrammarError) {
        guard let object = places[index].value.objectValue else { return }
        let hasReference = object["$ref"] != nil
        if let id = (object["$id"] ?? (hasReference ? nil : object["id"]))?.stringValue, !id.hasPrefix("#") {
            let uri = Self.resolved(String(id.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)[0]), places[index].base)
            places[index].base = uri
            places[index].resource = index
            resources[uri] = index
        }
        for name in ["$anchor", "$dynamicAnchor"] {
            if let anchor = object[name]?.stringValue { anchors[places[index].base + "#" + anchor] = index }
        }
        if let id = (object["$id"] ?? object["id"])?.stringValue, id.hasPrefix("#") { anchors[places[index].base + id] = index }
    }

    // MARK: References

    /// What a `$ref` at a place means.
    mutating func target(of reference: String, at place: Int) throws(GrammarError) -> Int {
        let parts = reference.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        var resource = places[place].resource
        var base = places[place].base
        if let uri = parts.first, !uri.isEmpty {
            base = Self.resolved(String(uri), base)
            guard let found = resources[base] else {
                throw GrammarError(
                    .unsupported, "`$ref` names `\(reference.prefix(200))`, which is not part of this schema; other documents are not fetched",
                    pointer: places[place].pointer)
            }
            resource = found
        }
        let fragment = parts.count > 1 ? String(parts[1]) : ""
        if fragment.isEmpty { return resource }
        if !fragment.hasPrefix("/") {
            if let found = anchors[base + "#" + fragment] { return found }
        } else if let found = self.place(of: resource, Self.steps(fragment)) {
            return found
        }
        throw GrammarError(
            .invalid, "`$ref` names `\(reference.prefix(200))`, and there is nothing of that name", pointer: places[place].pointer)
    }

    private static func steps(_ fragment: String) -> [String] {
        fragment.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map { step in
            (String(step).percentDecoded)
                .replacing("~1", with: "/").replacing("~0", with: "~")
        }
    }

    private static func step(_ value: JSONValue, _ step: String) -> JSONValue? {
        switch value {
        case .object(let members): members[step]
        case .array(let elements): Int(step).flatMap { elements.indices.contains($0) ? elements[$0] : nil }
        default: nil
        }
    }

    static func escaped(_ step: String) -> String { step.replacing("~", with: "~0").replacing("/", with: "~1") }

    /// Enough of RFC 3986 for identifiers within one document.
    private static func resolved(_ uri: String, _ base: String) -> String {
        if uri.contains("://") || uri.hasPrefix("urn:") || base.isEmpty { return uri }
        let scheme = base.prefix { $0 != ":" }
        guard base.dropFirst(scheme.count).hasPrefix("://") else { return uri }
        let rest = base.dropFirst(scheme.count + 3)
        let authority = rest.prefix { $0 != "/" }
        let root = scheme + "://" + authority
        if uri.hasPrefix("/") { return root + uri }
        let path = rest[authority.endIndex...]
        let folder = path.lastIndex(of: "/").map { path[...$0] } ?? "/"
        var steps: [Substring] = []
        for step in (folder + uri).split(separator: "/", omittingEmptySubsequences: false) {
            if step == ".." { if steps.count > 1 { steps.removeLast() } } else if step != "." { steps.append(step) }
        }
        return root + steps.joined(separator: "/")
    }

    // MARK: Parts of a schema

    private static let single = [
        "additionalItems", "additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then", "unevaluatedItems",
        "unevaluatedProperties",
    ]
    private static let lists = ["allOf", "anyOf", "oneOf", "prefixItems", "items"]
    private static let maps = ["$defs", "definitions", "dependentSchemas", "dependencies", "patternProperties", "properties"]

    private static func children(_ value: JSONValue) -> [(path: String, value: JSONValue)] {
        guard let object = value.objectValue else { return [] }
        var found: [(String, JSONValue)] = []
        for key in single {
            guard let part = object[key], part.objectValue != nil || part.boolValue != nil else { continue }
            found.append(("/" + key, part))
        }
        for key in lists {
            for (index, part) in (object[key]?.arrayValue ?? []).enumerated() { found.append(("/\(key)/\(index)", part)) }
        }
        for key in maps {
            for (name, part) in object[key]?.objectValue ?? JSONObject() where part.arrayValue == nil {
                found.append(("/\(key)/\(escaped(name))", part))
            }
        }
        return found
    }
}

extension String {
    /// `%41` becomes `A`; what is not two hexadecimal digits stays.
    fileprivate var percentDecoded: String {
        guard utf8.contains(UInt8(ascii: "%")) else { return self }
        let bytes = Array(utf8)
        var decoded: [UInt8] = []
        var place = 0
        while place < bytes.count {
            if bytes[place] == UInt8(ascii: "%"), place + 2 < bytes.count,
                let value = UInt8(String(decoding: bytes[place + 1...place + 2], as: UTF8.self), radix: 16)
            {
                decoded.append(value)
                place += 3
            } else {
                decoded.append(bytes[place])
                place += 1
            }
        }
        return String(decoding: decoded, as: UTF8.self)
    }
}
