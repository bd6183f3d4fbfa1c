/// A place in a document that knows its path, so that a reader's error says where: `messages[0].role: expected a
/// string, found an integer`.
///
///     let request = JSONCursor(document)
///     let role = try request["messages"][0]["role"].string()
///     let seed = try request["seed"].optionalInt()
///
/// Stepping never fails; reading does. The `optional…` readers return nil where the place is missing or null.
public struct JSONCursor: Sendable {
    /// Like `messages[0].role`; empty for the document itself.
    public let path: String
    /// The value here; nil where there is none. Null is a value.
    public let value: JSONValue?
    /// An earlier step found a value of another kind.
    private let blocked: JSONError?

    public init(_ value: JSONValue, path: String = "") {
        self.init(path: path, value: value, blocked: nil)
    }

    private init(path: String, value: JSONValue?, blocked: JSONError?) {
        self.path = path
        self.value = value
        self.blocked = blocked
    }

    public subscript(key: String) -> JSONCursor {
        let step = path.isEmpty ? key : "\(path).\(key)"
        switch value {
        case .object(let members): return JSONCursor(path: step, value: members[key], blocked: nil)
        case nil, .null: return JSONCursor(path: step, value: nil, blocked: blocked)
        default: return JSONCursor(path: step, value: nil, blocked: wrongType("an object"))
        }
    }

    public subscript(index: Int) -> JSONCursor {
        let step = "\(path)[\(index)]"
        switch value {
        case .array(let elements):
            return JSONCursor(path: step, value: elements.indices.contains(index) ? elements[index] : nil, blocked: nil)
        case nil, .null: return JSONCursor(path: step, value: nil, blocked: blocked)
        default: return JSONCursor(path: step, value: nil, blocked: wrongType("an array"))
        }
    }

    /// Whether there is a value other than null here.
    public var exists: Bool { value.map { !$0.isNull } ?? false }

    public func string() throws(JSONError) -> String { try required(optionalString(), "a string") }
    public func int() throws(JSONError) -> Int { try required(optionalInt(), "an integer") }
    public func double() throws(JSONError) -> Double { try required(optionalDouble(), "a number") }
    public func bool() throws(JSONError) -> Bool { try required(optionalBool(), "a boolean") }
    public func object() throws(JSONError) -> JSONObject { try required(optionalObject(), "an object") }
    /// The elements, each with its path.
    public func array() throws(JSONError) -> [JSONCursor] { try required(optionalArray(), "an array") }
    /// The members of an object in their order, each value with its path.
    public func members() throws(JSONError) -> [(key: String, value: JSONCursor)] {
        try object().map { ($0.key, self[$0.key]) }
    }

    /// Most bytes of a text that is a name or a keyword.
    public static let longestName = 256

    /// A string that the reader compares with names or looks up. Comparing and hashing Unicode text takes time that grows with
    /// the square of its length, so a long one is refused here.
    public func name() throws(JSONError) -> String { try required(optionalName(), "a string") }
    public func optionalName() throws(JSONError) -> String? {
        guard let text = try optionalString() else { return nil }
        guard text.utf8.count <= Self.longestName else {
            throw invalid("expected a name of at most \(Self.longestName) bytes, found \(text.utf8.count) bytes")
        }
        return text
    }

    public func optionalString() throws(JSONError) -> String? { try read("a string", \.stringValue) }
    /// Also takes a number without a fraction (`3.0`).
    public func optionalInt() throws(JSONError) -> Int? { try read("an integer", \.intValue) }
    public func optionalDouble() throws(JSONError) -> Double? { try read("a number", \.doubleValue) }
    public func optionalBool() throws(JSONError) -> Bool? { try read("a boolean", \.boolValue) }
    public func optionalObject() throws(JSONError) -> JSONObject? { try read("an object", \.objectValue) }
    public func optionalArray() throws(JSONError) -> [JSONCursor]? {
        try read("an array", \.arrayValue)?.indices.map { self[$0] }
    }

    /// A number within bounds.
    public func double(in range: ClosedRange<Double>) throws(JSONError) -> Double {
        try required(optionalDouble(in: range), "a number")
    }

    /// An integer within bounds.
    public func int(in range: ClosedRange<Int>) throws(JSONError) -> Int {
        try required(optionalInt(in: range), "an integer")
    }

    public func optionalInt(in range: ClosedRange<Int>) throws(JSONError) -> Int? {
        guard let value = try optionalInt() else { return nil }
        guard range.contains(value) else {
            throw invalid("expected an integer from \(range.lowerBound) to \(range.upperBound), found \(value)")
        }
        return value
    }

    /// A finite number within bounds.
    public func optionalDouble(in range: ClosedRange<Double>) throws(JSONError) -> Double? {
        guard let value = try optionalDouble() else { return nil }
        guard range.contains(value) else {
            throw invalid("expected a number from \(range.lowerBound) to \(range.upperBound), found \(value)")
        }
        return value
    }

    /// An error about the value here, for the reader's own checks.
    public func invalid(_ message: String) -> JSONError { JSONError(.invalidValue, message, path: path) }

    private func read<Value>(_ kind: String, _ get: (JSONValue) -> Value?) throws(JSONError) -> Value? {
        if let blocked { throw blocked }
        guard let value, !value.isNull else { return nil }
        guard let found = get(value) else { throw wrongType(kind) }
        return found
    }

    private func required<Value>(_ found: Value?, _ kind: String) throws(JSONError) -> Value {
        if let found { return found }
        throw JSONError(.missing, value == nil ? "missing; expected \(kind)" : "expected \(kind), found null", path: path)
    }

    private func wrongType(_ kind: String) -> JSONError {
        JSONError(.wrongType, "expected \(kind), found \(value?.kindName ?? "nothing")", path: path)
    }
}
