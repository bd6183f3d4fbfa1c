/// Methods of lists, tuples and dictionaries. Methods that would change a value are refused by name.
enum Methods {
    /// Longer names are no method, filter or test: they are not looked up, since a lookup of text that is not in a normal form can take
    /// time that grows with the square of its length.
    static let longestName = 64

    static let list: Set<String> = ["copy", "count", "index"]
    static let unsafeList: Set<String> = [
        "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort",
    ]
    static let tuple: Set<String> = ["count", "index"]
    static let dictionary: Set<String> = ["copy", "get", "items", "keys", "values"]
    static let unsafeDictionary: Set<String> = ["clear", "pop", "popitem", "setdefault", "update"]

    static func call(
        _ name: String, of receiver: Value, _ arguments: Arguments, _ meter: Meter
    ) throws(TemplateError) -> Value {
        switch receiver {
        case .dictionary(let mapping): return try call(name, of: mapping, arguments, meter)
        case .list(let elements), .tuple(let elements), .range(let elements, _):
            return try call(name, of: receiver, elements.values, arguments, meter)
        case .callable(.function(.dict)):
            let values = try arguments.bind("fromkeys()", "keys", "value", required: 1)
            let keys = try meter.elements(of: values[0] ?? .none)
            try meter.create(elements: 2 * keys.count)
            return .dictionary(try Mapping(keys.map { ($0, values[1] ?? .none) }, meter))
        default: throw TemplateError(.type, "'\(receiver.typeName)' object has no method '\(name)'")
        }
    }

    private static func call(
        _ name: String, of mapping: Mapping, _ arguments: Arguments, _ meter: Meter
    ) throws(TemplateError) -> Value {
        if name == "get" {
            let values = try arguments.bind("get()", "key", "default", required: 1)
            return try mapping.value(for: values[0] ?? .none, meter) ?? values[1] ?? .none
        }
        _ = try arguments.bind("\(name)()")
        try meter.create(elements: 3 * mapping.entries.count)
        switch name {
        case "keys": return .view(Elements(mapping.entries.map(\.key)), name: "dict_keys")
        case "values": return .view(Elements(mapping.entries.map(\.value)), name: "dict_values")
        case "items":
            return .view(Elements(mapping.entries.map { .tuple([$0.key, $0.value]) }), name: "dict_items")
        default: return .dictionary(mapping)
        }
    }

    private static func call(
        _ name: String, of receiver: Value, _ values: [Value], _ arguments: Arguments, _ meter: Meter
    ) throws(TemplateError) -> Value {
        if name == "copy" { return receiver }
        let wanted = try arguments.bind("\(name)()", "value", required: 1)[0] ?? .none
        var count = 0
        for (index, value) in values.enumerated() where try meter.equal(value, wanted) {
            if name == "index" { return .integer(index) }
            count += 1
        }
        if name == "index" { throw TemplateError(.value, "the value is not in the list") }
        return .integer(count)
    }
}
