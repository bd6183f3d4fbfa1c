import Generation
import JSON

/// `tools`, `tool_choice` and `parallel_tool_calls` of a chat, and the older `functions` and `function_call`.
struct ToolFields: Sendable {
    /// None where the choice is `none`.
    var functions: [ToolFunction] = []
    var choice = ToolChoice()
    /// The client knows the older fields only: one call, as `function_call`.
    var isLegacy = false

    init(_ cursor: JSONCursor, limits: APILimits) throws(JSONError) {
        let tools = try cursor["tools"].optionalArray() ?? []
        for place in tools {
            let type = try place["type"].name()
            guard type == "function" else { throw place["type"].invalid("`\(type)` is not supported; expected `function`") }
            try add(place["function"], definition: .object(try place.object()), limits: limits)
        }
        let older = try cursor["functions"].optionalArray() ?? []
        for place in older {
            try add(place, definition: ["type": "function", "function": .object(try place.object())], limits: limits)
        }
        let field = tools.isEmpty && !older.isEmpty ? "functions" : "tools"
        guard functions.count <= limits.tools else {
            throw cursor[field].invalid("\(functions.count) functions; at most \(limits.tools) are taken")
        }
        isLegacy = field == "functions"
        choice.isParallel = try cursor["parallel_tool_calls"].optionalBool() ?? true
        if isLegacy { choice.isParallel = false }
        let place = cursor[cursor["tool_choice"].exists ? "tool_choice" : "function_call"]
        if place.exists { try choose(place, isLegacy: place.path == "function_call") }
        if choice.mode == .none { functions = [] }
    }

    private mutating func add(_ cursor: JSONCursor, definition: JSONValue, limits: APILimits) throws(JSONError) {
        let function = try Self.function(cursor, definition: definition, limits: limits)
        guard !functions.contains(where: { $0.name == function.name }) else {
            throw cursor["name"].invalid("`\(function.name)` is declared twice")
        }
        functions.append(function)
    }

    private static func function(_ cursor: JSONCursor, definition: JSONValue, limits: APILimits) throws(JSONError) -> ToolFunction {
        let name = try name(cursor["name"], limits: limits)
        return ToolFunction(
            name: name, description: try cursor["description"].optionalString(),
            parameters: try cursor["parameters"].optionalObject().map(JSONValue.object),
            isStrict: try cursor["strict"].optionalBool() ?? false, definition: definition)
    }

    /// The name of a function that a request declares.
    static func name(_ cursor: JSONCursor, limits: APILimits) throws(JSONError) -> String {
        let name = try cursor.name()
        guard (1...limits.toolNameBytes).contains(name.utf8.count), name.utf8.allSatisfy(isNameByte) else {
            throw cursor.invalid(
                "expected 1 to \(limits.toolNameBytes) of the characters A-Z, a-z, 0-9, `_`, `-`, `.`, `:` and `/`, found \(name.debugDescription)")
        }
        return name
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: "/"):
            true
        default: false
        }
    }

    // MARK: The choice

    private mutating func choose(_ cursor: JSONCursor, isLegacy: Bool) throws(JSONError) {
        if case .string = cursor.value {
            switch try cursor.name() {
            case "none": choice.mode = .none
            case "auto": choice.mode = .automatic
            case "required" where !isLegacy:
                choice.mode = .required
                try checkDeclared(cursor)
            case let other:
                throw cursor.invalid("`\(other)` is not one of none, auto\(isLegacy ? "" : ", required") and an object that names a function")
            }
            return
        }
        guard !isLegacy else { return choice.mode = .named(try known(cursor)) }
        switch try cursor["type"].name() {
        case "function": choice.mode = .named(try known(cursor["function"]))
        case "allowed_tools": try allow(cursor["allowed_tools"])
        case let other: throw cursor["type"].invalid("`\(other)` is not one of function and allowed_tools")
        }
    }

    private mutating func allow(_ cursor: JSONCursor) throws(JSONError) {
        switch try cursor["mode"].name() {
        case "auto": choice.mode = .automatic
        case "required": choice.mode = .required
        case let other: throw cursor["mode"].invalid("`\(other)` is not one of auto and required")
        }
        var allowed: Set<String> = []
        for place in try cursor["tools"].array() {
            let type = try place["type"].optionalName() ?? "function"
            guard type == "function" else { throw place["type"].invalid("`\(type)` is not supported; expected `function`") }
            allowed.insert(try known(place["function"]))
        }
        guard !allowed.isEmpty else { throw cursor["tools"].invalid("expected at least one function") }
        choice.allowed = allowed
    }

    /// The name of a declared function.
    private func known(_ cursor: JSONCursor) throws(JSONError) -> String {
        let name = try cursor["name"].name()
        try checkDeclared(cursor["name"])
        guard functions.contains(where: { $0.name == name }) else {
            throw cursor["name"].invalid("no declared function has the name `\(name)`")
        }
        return name
    }

    private func checkDeclared(_ cursor: JSONCursor) throws(JSONError) {
        guard functions.isEmpty else { return }
        throw cursor.invalid("only allowed when the request declares functions in `tools`")
    }
}
