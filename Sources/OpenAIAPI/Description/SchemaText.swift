import JSON

/// Writes JSON Schemas (2020-12) of fields. A field that is null counts as absent, so optional ones may be null.
enum SchemaText {
    /// - Parameter isOpen: other members are taken, too.
    static func object(_ properties: JSONObject, required: [String] = [], isOpen: Bool = false) -> JSONValue {
        var schema: JSONObject = ["type": "object", "properties": .object(properties)]
        if !required.isEmpty { schema["required"] = .array(required.map(JSONValue.string)) }
        if !isOpen { schema["additionalProperties"] = false }
        return .object(schema)
    }

    /// - Parameter least: characters.
    static func string(_ description: String? = nil, of values: [String]? = nil, least: Int? = nil, isOptional: Bool = true) -> JSONValue {
        var schema = typed("string", description, isOptional)
        if let least { schema["minLength"] = .integer(Int64(least)) }
        if let values { schema["enum"] = .array(values.map(JSONValue.string) + (isOptional ? [.null] : [])) }
        return .object(schema)
    }

    /// The name of something that is served: not empty.
    static func name(_ description: String? = nil, isOptional: Bool = true) -> JSONValue { string(description, least: 1, isOptional: isOptional) }

    static func boolean(_ description: String? = nil) -> JSONValue { .object(typed("boolean", description, true)) }

    static func integer(_ range: ClosedRange<Int>? = nil, _ description: String? = nil) -> JSONValue {
        var schema = typed("integer", description, true)
        if let range { (schema["minimum"], schema["maximum"]) = (.integer(Int64(range.lowerBound)), .integer(Int64(range.upperBound))) }
        return .object(schema)
    }

    static func number(_ range: ClosedRange<Double>? = nil, _ description: String? = nil) -> JSONValue {
        var schema = typed("number", description, true)
        if let range { (schema["minimum"], schema["maximum"]) = (.number(range.lowerBound), .number(range.upperBound)) }
        return .object(schema)
    }

    /// Above 0.
    static func positive(through most: Double) -> JSONValue {
        var schema = typed("number", nil, true)
        (schema["exclusiveMinimum"], schema["maximum"]) = (0, .number(most))
        return .object(schema)
    }

    static func array(of items: JSONValue, _ description: String? = nil, least: Int? = nil, most: Int? = nil, isOptional: Bool = true) -> JSONValue {
        var schema = typed("array", description, isOptional)
        schema["items"] = items
        if let least { schema["minItems"] = .integer(Int64(least)) }
        if let most { schema["maxItems"] = .integer(Int64(most)) }
        return .object(schema)
    }

    /// Any members.
    static func anyObject(_ description: String? = nil) -> JSONValue { .object(typed("object", description, true)) }

    /// Any value.
    static func anything(_ description: String) -> JSONValue { ["description": .string(description)] }

    static func one(of schemas: [JSONValue], _ description: String? = nil) -> JSONValue {
        var schema: JSONObject = ["anyOf": .array(schemas)]
        if let description { schema["description"] = .string(description) }
        return .object(schema)
    }

    static func reference(_ name: String) -> JSONValue { ["$ref": .string("#/components/schemas/\(name)")] }

    private static func typed(_ type: String, _ description: String?, _ isOptional: Bool) -> JSONObject {
        var schema: JSONObject = ["type": isOptional ? [.string(type), "null"] : .string(type)]
        if let description { schema["description"] = .string(description) }
        return schema
    }
}
