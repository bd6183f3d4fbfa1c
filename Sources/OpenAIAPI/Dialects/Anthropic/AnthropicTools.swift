import Generation
import JSON

/// Functions as Anthropic's clients declare them, and which of them the answer calls.
enum AnthropicTools {
    static func read(_ cursor: JSONCursor, _ reader: RequestReader) throws -> [ToolFunction] {
        var tools: [ToolFunction] = []
        for place in try cursor.optionalArray() ?? [] {
            let type = try place["type"].optionalName() ?? "custom"
            guard type == "custom" else {
                throw place["type"].invalid("`\(type)` is not supported: the client runs the tools, which it declares with `input_schema`")
            }
            tools.append(
                ToolFunction(
                    name: try ToolFields.name(place["name"], limits: reader.limits), description: try place["description"].optionalString(),
                    parameters: .object(try place["input_schema"].object()), isStrict: try place["strict"].optionalBool() ?? false))
        }
        try reader.check(tools, cursor)
        return tools
    }

    static func choice(_ cursor: JSONCursor, _ tools: [ToolFunction], _ reader: RequestReader) throws -> ToolChoice {
        guard cursor.exists else { return ToolChoice() }
        let mode: ToolChoice.Mode
        switch try cursor["type"].name() {
        case "auto": mode = .automatic
        case "any": mode = .required
        case "none": mode = .none
        case "tool": mode = .named(try cursor["name"].name())
        case let other: throw cursor["type"].invalid("`\(other)` is not one of auto, any, tool and none")
        }
        let choice = ToolChoice(mode, isParallel: try cursor["disable_parallel_tool_use"].optionalBool() != true)
        try reader.check(choice, tools, cursor)
        return choice
    }
}
