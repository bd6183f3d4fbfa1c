import Generation
import Grammars
import JSON
import Tokenizers

/// The grammar of answers that may or must call functions: free text up to the mark of a call, then that call, whole and with arguments that
/// satisfy the function's schema. It writes what `AnswerReader` reads.
struct CallGrammar {
    private let reading: AnswerReading
    private let choice: ToolChoice
    /// What an answer without calls must be; nil is any text.
    private let other: AnswerFormat?
    private let tokenizer: any Tokenizer
    /// Arguments may be any object.
    private var isLoose = false

    /// nil: nothing of these restricts an answer, or only its form does.
    init?(_ reading: AnswerReading, _ request: GenerationRequest, _ tokenizer: any Tokenizer) {
        self.reading = reading
        choice = request.toolChoice
        other = request.format
        self.tokenizer = tokenizer
        let hasCalls = reading.format != nil && !reading.functions.isEmpty
        // Python's literals are written as the model likes, unless a call is required.
        let restrictsCalls = hasCalls && (reading.format != .pythonic || isRequired || other != nil)
        guard restrictsCalls || reading.forbidden != nil || (reading.thinking != nil && other != nil) else { return nil }
    }

    /// The same with any object as arguments; nil where a function is strict, or where it is so already.
    var loose: CallGrammar? {
        guard !isLoose, !reading.functions.contains(where: \.isStrict) else { return nil }
        var copy = self
        copy.isLoose = true
        return copy
    }

    /// Where the client put it, for errors.
    var field: String { reading.functions.isEmpty ? other?.field ?? "tools" : "tools" }

    /// An answer whose tokens run out is completed. Not one that need not call a function: a call that was cut must not look like one that
    /// the model meant.
    var closes: Bool { isRequired || (reading.functions.isEmpty && other != nil) }

    /// Equal for equal grammars.
    var key: String {
        let functions = reading.functions.map { function -> JSONValue in
            [.string(function.name), .bool(function.isStrict), function.parameters ?? .null]
        }
        let texts = [
            "calls", "\(reading.format.map { "\($0)" } ?? "-")", "\(reading.forbidden.map { "\($0)" } ?? "-")", "\(isRequired)", "\(isLoose)",
            "\(reading.isParallel)", "\(reading.isTriggered)", reading.thinking?.open ?? "-", "\(reading.isThinking)", "\(reading.isThinkingOver)",
            other?.key ?? "-",
        ]
        return JSONValue.array(texts.map(JSONValue.string) + functions).serialized()
    }

    /// The whole answer.
    func root(_ builder: inout GrammarBuilder) throws(GrammarError) -> GrammarNode {
        var node: GrammarNode?
        if let other { node = try builder.node(of: other.kind) }
        return try afterThinking(try answer(&builder, or: node), &builder)
    }

    private func answer(_ builder: inout GrammarBuilder, or other: GrammarNode?) throws(GrammarError) -> GrammarNode {
        guard let format = reading.format, !reading.functions.isEmpty else {
            if let other { return other }
            return try textWithout(reading.forbidden?.triggers ?? [], &builder)
        }
        let calls = try calls(format, &builder)
        let opened = try opened(calls, format, &builder)
        guard !isRequired else { return opened }
        if let other { return try builder.alternative([opened, other]) }
        switch format {
        case .hermes, .mistral, .mistralNames, .functionary:
            return try builder.text([trigger(format.triggers[0], then: calls)])
        case .parameters:
            let nothing = try builder.alternative([])
            return try builder.text([trigger(format.triggers[0], then: calls), trigger(format.triggers[1], then: nothing)])
        case .recipients:
            let text = try self.opened(try builder.literal("all\n"), format, &builder)
            let more = try builder.text([trigger(format.triggers[0], then: calls)])
            return try builder.alternative([opened, try builder.sequence([text, more])])
        case .llama:
            let text = try builder.regularExpression("([^{](.|\\n)*)?")
            return try builder.alternative([calls, text])
        case .pythonic: return try builder.text()
        }
    }

    private var isRequired: Bool {
        switch choice.mode {
        case .required, .named: true
        case .automatic, .none: false
        }
    }

    // MARK: Calls

    /// With what begins calls at the start of an answer.
    private func opened(_ calls: GrammarNode, _ format: CallFormat, _ builder: inout GrammarBuilder) throws(GrammarError) -> GrammarNode {
        guard format.first == nil, !reading.isTriggered else { return calls }
        let first = try mark(format.triggers[0], &builder)
        return try builder.sequence([first, calls])
    }

    /// What follows the mark of the first call, up to the end of the last.
    private func calls(_ format: CallFormat, _ builder: inout GrammarBuilder) throws(GrammarError) -> GrammarNode {
        var cases: [GrammarNode] = []
        for function in reading.functions { cases.append(try call(function, format, &builder)) }
        let call = try builder.alternative(cases)
        let next: [GrammarNode] =
            switch format {
            case .hermes, .functionary, .parameters: [try builder.literal("\n"), try mark(format.triggers[0], &builder)]
            case .mistralNames, .recipients: [try mark(format.triggers[0], &builder)]
            case .llama: [try builder.literal("; ")]
            case .mistral, .pythonic: [try builder.literal(", ")]
            }
        let following = try builder.sequence(next + [call])
        let more = try builder.repetition(following, most: reading.isParallel ? CallSink.mostCalls - 1 : 0)
        guard format == .mistral || format == .pythonic else { return try builder.sequence([call, more]) }
        let (start, end) = (try builder.literal("["), try builder.literal("]"))
        return try builder.sequence([start, call, more, end])
    }

    private func call(_ function: ToolFunction, _ format: CallFormat, _ builder: inout GrammarBuilder) throws(GrammarError) -> GrammarNode {
        let name = function.name
        let quoted = JSONValue.string(name).serialized()
        let arguments = format == .parameters ? try parameters(function, &builder) : try arguments(function, &builder)
        switch format {
        case .hermes: return try around(arguments, "\n{\"name\": \(quoted), \"arguments\": ", "}\n", closing: "</tool_call>", &builder)
        case .llama: return try around(arguments, "{\"name\": \(quoted), \"parameters\": ", "}", &builder)
        case .mistral, .pythonic: return try around(arguments, "{\"name\": \(quoted), \"arguments\": ", "}", &builder)
        case .mistralNames:
            guard special("[ARGS]") != nil else { return try around(arguments, name, "", &builder) }
            let (start, mark) = (try builder.literal(name), try mark("[ARGS]", &builder))
            return try builder.sequence([start, mark, arguments])
        case .functionary: return try around(arguments, "\(name)>", "</function>", &builder)
        case .recipients: return try around(arguments, "\(name)\n", "", &builder)
        case .parameters: return try around(arguments, "\n<function=\(name)>\n", "</function>\n", closing: "</tool_call>", &builder)
        }
    }

    private func around(
        _ node: GrammarNode, _ before: String, _ after: String, closing: String? = nil, _ builder: inout GrammarBuilder
    ) throws(GrammarError) -> GrammarNode {
        var parts = [try builder.literal(before), node, try builder.literal(after)]
        if let closing { parts.append(try mark(closing, &builder)) }
        return try builder.sequence(parts)
    }

    /// JSON text of an object that satisfies the function's schema. A schema that cannot be compiled allows any object, unless it is strict.
    private func arguments(_ function: ToolFunction, _ builder: inout GrammarBuilder) throws(GrammarError) -> GrammarNode {
        guard let schema = function.parameters else { return try builder.literal("{}") }
        // Members that are declared, and are none.
        if schema["properties"]?.objectValue?.isEmpty == true, schema["additionalProperties"] == nil, schema["patternProperties"] == nil {
            return try builder.literal("{}")
        }
        // Without anything about members there may be any.
        let isOpen = Set(schema.objectValue?.keys ?? []).isSubset(of: ["type", "description", "title", "$schema"])
        if isOpen || isLoose { return try builder.anyObject() }
        var options = SchemaOptions()
        options.isStrict = function.isStrict
        var object = schema.objectValue ?? [:]
        // Arguments are an object, whether the schema says so or not.
        if object["type"] == nil { object["type"] = "object" }
        do throws(GrammarError) {
            return try builder.schema(.object(object), options: options)
        } catch {
            guard !function.isStrict else {
                throw GrammarError(error.code, "the parameters of `\(function.name)`, \(error.description)")
            }
            builder.note("the arguments of `\(function.name)` may be any object, since its schema cannot be enforced: \(error.description)")
            return try builder.anyObject()
        }
    }

    /// The values of Qwen3-Coder's tags: text as it is, or JSON.
    private func parameters(_ function: ToolFunction, _ builder: inout GrammarBuilder) throws(GrammarError) -> GrammarNode {
        let schema = function.parameters
        let required = Set(schema?["required"]?.arrayValue?.compactMap(\.stringValue) ?? [])
        var parts: [GrammarNode] = []
        for (name, value) in schema?["properties"]?.objectValue ?? [:] {
            let part = try around(try parameter(value, &builder), "<parameter=\(name)>\n", "\n</parameter>\n", &builder)
            parts.append(try required.contains(name) ? part : builder.repetition(part, most: 1))
        }
        return parts.isEmpty ? try builder.literal("") : try builder.sequence(parts)
    }

    private func parameter(_ schema: JSONValue, _ builder: inout GrammarBuilder) throws(GrammarError) -> GrammarNode {
        let words = schema["enum"]?.arrayValue?.compactMap(\.stringValue) ?? []
        if !words.isEmpty, !words.contains("") { return try builder.choice(words) }
        if let type = schema["type"]?.stringValue, type != "string" {
            do throws(GrammarError) {
                return try builder.schema(schema)
            } catch {
                builder.note("a parameter is not constrained, since its schema cannot be enforced: \(error.description)")
            }
        }
        return try textWithout(["</parameter>"], &builder)
    }

    // MARK: Thinking

    /// The grammar begins after the thinking, where there is any.
    private func afterThinking(_ answer: GrammarNode, _ builder: inout GrammarBuilder) throws(GrammarError) -> GrammarNode {
        guard let marks = reading.thinking, !reading.isThinkingOver else { return answer }
        let thought = try textWithout([marks.close], &builder)
        let rest = [thought, try mark(marks.close, &builder), try builder.regularExpression("[ \\n]{0,4}"), answer]
        if reading.isThinking { return try builder.sequence(rest) }
        let thinking = try builder.sequence([try mark(marks.open, &builder)] + rest)
        return try builder.alternative([thinking, answer])
    }

    // MARK: Marks

    /// The token of a mark where it is a special one, which text cannot spell.
    private func special(_ mark: String) -> Int32? { tokenizer.token(mark).flatMap { tokenizer.isSpecial($0) ? $0 : nil } }

    private func mark(_ text: String, _ builder: inout GrammarBuilder) throws(GrammarError) -> GrammarNode {
        if let token = special(text) { try builder.token(token) } else { try builder.literal(text) }
    }

    private func trigger(_ text: String, then part: GrammarNode) -> TextTrigger {
        if let token = special(text) { TextTrigger(token: token, then: part, goesOn: false) } else { TextTrigger(text, then: part, goesOn: false) }
    }

    private func textWithout(_ marks: [String], _ builder: inout GrammarBuilder) throws(GrammarError) -> GrammarNode {
        let nothing = try builder.alternative([])
        return try builder.text(marks.map { trigger($0, then: nothing) })
    }
}
