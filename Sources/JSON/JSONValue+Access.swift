/// Lookups that return nil for another kind. Those of `JSONCursor` throw errors that say what is wrong, and where.
extension JSONValue {
    public var isNull: Bool { if case .null = self { true } else { false } }

    public var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }

    public var stringValue: String? { if case .string(let value) = self { value } else { nil } }

    public var arrayValue: [JSONValue]? { if case .array(let value) = self { value } else { nil } }

    public var objectValue: JSONObject? { if case .object(let value) = self { value } else { nil } }

    /// An integer, or a number without a fraction that `Int` holds exactly (`3.0`).
    public var intValue: Int? {
        switch self {
        case .integer(let value): Int(value)
        case .number(let value): Int(exactly: value)
        default: nil
        }
    }

    /// A number or an integer (rounded to the nearest double beyond 2^53); nil for an integer that no double can hold.
    public var doubleValue: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .longInteger(let digits): Double(digits).flatMap { $0.isFinite ? $0 : nil }
        case .number(let value): value
        default: nil
        }
    }

    /// The member of that name; nil if this is not an object or has no such member.
    public subscript(key: String) -> JSONValue? { objectValue?[key] }

    /// The element at that index; nil if this is not an array or is shorter.
    public subscript(index: Int) -> JSONValue? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }

    /// For messages: "a string", "an object", …
    public var kindName: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer: "an integer"
        case .longInteger: "an integer beyond 64 bits"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}
