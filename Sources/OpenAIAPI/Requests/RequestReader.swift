import Generation
import JSON

/// What the body of a request is read with.
struct RequestReader: Sendable {
    var names: ModelNames
    var fields: FieldPolicy
    var limits: APILimits
    /// Longest prompt plus answer, in tokens.
    var contextLength: Int

    /// Reads with `body`; its errors become the service's.
    func read<Value>(_ body: () throws -> Value) throws(APIError) -> Value {
        do {
            return try body()
        } catch {
            throw APIError(reaching: error)
        }
    }

    /// A job for one answer to one prompt. Who answers is read from the fields that all dialects share.
    func job(
        _ prompt: GenerationJob.Prompt, _ cursor: JSONCursor, sampling: SamplingParameters, maxTokens: Int?, stop: [String], isStream: Bool
    ) throws -> GenerationJob {
        var job = GenerationJob(
            prompts: [prompt], choices: 1, selection: try ModelSelection.read(cursor, names: names),
            memories: try MemorySelection(cursor["memory"], names: names, fields: fields), scale: try ModelSelection.scale(cursor),
            route: try RouteOptions(cursor["route"], fields: fields, limits: limits), sampling: sampling,
            maxTokens: maxTokens.flatMap { $0 < contextLength ? $0 : nil }, stop: stop, ignoresEndOfSequence: false, isStream: isStream,
            includesUsage: false)
        job.alias = try names.alias(cursor["model"])
        return job
    }

    /// A conversation as a prompt; its last turn of the user is what the router is asked. Functions that may not be called are left out.
    static func prompt(_ messages: [ChatMessage], tools: [ToolFunction], _ choice: ToolChoice = ToolChoice()) -> GenerationJob.Prompt {
        GenerationJob.Prompt(prompt: .chat(messages, tools: choice.mode == .none ? [] : tools), routed: .messages(messages))
    }

    /// At most as many as the limits allow, and no two of one name.
    func check(_ tools: [ToolFunction], _ cursor: JSONCursor) throws(JSONError) {
        guard tools.count <= limits.tools else {
            throw cursor.invalid("\(tools.count) tools; at most \(limits.tools) are taken")
        }
        var names: Set<String> = []
        for (index, tool) in tools.enumerated() where !names.insert(tool.name).inserted {
            throw cursor[index].invalid("the name `\(tool.name)` is there twice")
        }
    }

    /// A choice that names a function names one that is declared.
    func check(_ choice: ToolChoice, _ tools: [ToolFunction], _ cursor: JSONCursor) throws(JSONError) {
        switch choice.mode {
        case .required where tools.isEmpty: throw cursor.invalid("a call is required, but there are no tools")
        case .named(let name) where !tools.contains { $0.name == name }: throw cursor.invalid("no tool is named `\(name)`")
        default: break
        }
    }
}
