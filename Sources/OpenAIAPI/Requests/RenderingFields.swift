import Generation
import JSON

/// The fields that say how a chat becomes a prompt: `chat_template_kwargs`, `reasoning_effort`, `add_generation_prompt` and
/// `continue_final_message`.
enum RenderingFields {
    static func read(_ cursor: JSONCursor, limits: APILimits) throws(JSONError) -> PromptRendering {
        var rendering = PromptRendering()
        if let effort = try cursor["reasoning_effort"].optionalName() {
            guard let effort = ReasoningEffort(rawValue: effort) else {
                throw cursor["reasoning_effort"].invalid("`\(effort)` is not one of \(ReasoningEffort.names)")
            }
            effort.set(&rendering.variables)
        }
        let variables = cursor["chat_template_kwargs"]
        let given = try variables.optionalObject() ?? [:]
        guard given.count <= limits.templateVariables else {
            throw variables.invalid("\(given.count) variables; at most \(limits.templateVariables) are taken")
        }
        for (name, value) in given {
            try FieldPolicy.refuseLong(name, of: variables)
            guard !refused.contains(name) else { throw variables[name].invalid("not a variable that a request may set") }
            rendering.variables[name] = value
        }
        let asks = try cursor["add_generation_prompt"].optionalBool()
        rendering.continuesFinalMessage = try cursor["continue_final_message"].optionalBool() ?? false
        guard !rendering.continuesFinalMessage || asks != true else {
            throw cursor["continue_final_message"].invalid("cannot be true together with `add_generation_prompt`")
        }
        rendering.asksForAnswer = asks ?? !rendering.continuesFinalMessage
        return rendering
    }

    private static let refused = PromptRendering.reservedVariables.union(["chat_template", "tokenize", "continue_final_message"])
}

/// How much a model is to think before it answers; `none` switches thinking off.
enum ReasoningEffort: String, CaseIterable, Sendable {
    case none, minimal, low, medium, high, xhigh, max

    static let names = allCases.map(\.rawValue).joined(separator: ", ")

    /// What templates read.
    var variables: JSONObject {
        var variables = JSONObject()
        set(&variables)
        return variables
    }

    /// Sets what templates read: whether to think, and how much.
    func set(_ variables: inout JSONObject) {
        variables["enable_thinking"] = .bool(self != .none)
        variables["reasoning_effort"] = .string(rawValue)
    }
}
