import Generation
import JSON

/// Functions as `/v1/responses` declares them: their members stand beside `type`.
enum ResponseTools {
    static func read(_ cursor: JSONCursor, _ reader: RequestReader) throws -> [ToolFunction] {
        var tools: [ToolFunction] = []
        for place in try cursor.optionalArray() ?? [] {
            let type = try place["type"].name()
            guard type == "function" else {
                throw place["type"].invalid("`\(type)` is not supported: the client runs the tools, which are `function`")
            }
            tools.append(
                ToolFunction(
                    name: try ToolFields.name(place["name"], limits: reader.limits), description: try place["description"].optionalString(),
                    parameters: try place["parameters"].optionalObject().map(JSONValue.object),
                    isStrict: try place["strict"].optionalBool() ?? false))
        }
        try reader.check(tools, cursor)
        return tools
    }

    /// `none`, `auto`, `required`, one function, or a list of those that may be called.
    static func choice(_ cursor: JSONCursor, _ tools: [ToolFunction], _ reader: RequestReader) throws -> ToolChoice {
        guard cursor.exists else { return ToolChoice() }
        let choice: ToolChoice
        if case .string = cursor.value {
            choice = ToolChoice(try mode(cursor))
        } else {
            switch try cursor["type"].name() {
            case "function": choice = ToolChoice(.named(try cursor["name"].name()))
            case "allowed_tools":
                let mode = try mode(cursor["mode"])
                var allowed: Set<String> = []
                for place in try cursor["tools"].array() {
                    let name = try place["name"].name()
                    guard tools.contains(where: { $0.name == name }) else { throw place["name"].invalid("no tool is named `\(name)`") }
                    allowed.insert(name)
                }
                guard !allowed.isEmpty else { throw cursor["tools"].invalid("expected at least one function") }
                choice = ToolChoice(mode, allowed: allowed)
            case let other: throw cursor["type"].invalid("`\(other)` is neither `function` nor `allowed_tools`")
            }
        }
        try reader.check(choice, tools, cursor)
        return choice
    }

    private static func mode(_ cursor: JSONCursor) throws -> ToolChoice.Mode {
        switch try cursor.name() {
        case "auto": return .automatic
        case "none": return .none
        case "required": return .required
        case let other: throw cursor.invalid("`\(other)` is not one of none, auto and required")
        }
    }

    /// Clients expect `parameters` and `strict` of each function.
    static func echo(_ tools: JSONValue) -> JSONValue {
        .array(
            (tools.arrayValue ?? []).map { tool in
                guard case .object(var members) = tool else { return tool }
                for key in ["parameters", "strict"] where members[key] == nil { members[key] = .null }
                return .object(members)
            })
    }
}
