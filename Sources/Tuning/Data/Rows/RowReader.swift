import Generation
import JSON

/// Turns the fields of a row into its content. Errors are about a field; who knows line and file adds them.
struct RowReader {
    var shape: RowShape
    var limits: DataSetLimits

    func row(_ fields: JSONObject, line: Int) throws(TuningError) -> DataRow {
        do throws(JSONError) {
            let row = JSONCursor(.object(fields))
            let tools = try tools(shape == .preferredOutput ? row["input"]["tools"] : row["tools"])
            return DataRow(line: line, try content(row), tools: tools)
        } catch {
            throw TuningError(.malformed, error.message, line: line, field: error.path.flatMap { $0.isEmpty ? nil : $0 })
        }
    }

    private var turns: TurnReader { TurnReader(limits: limits) }

    private func content(_ row: JSONCursor) throws(JSONError) -> DataRow.Content {
        switch shape {
        case .messages: return .conversation(try turns.messages(row["messages"]))
        case .conversations:
            let turns = try turns.conversations(row["conversations"])
            guard let system = try row["system"].optionalString(), turns.first?.isSystem != true else { return .conversation(turns) }
            return .conversation([ConversationTurn(role: ConversationTurn.system, system)] + turns)
        case .instruction:
            return .instruction(
                system: try row["system"].optionalString(), instruction: try row["instruction"].string(),
                input: try row["input"].optionalString() ?? "", output: try row["output"].string())
        case .completion: return .completion(prompt: try text(row["prompt"]), completion: try answer(row["completion"]))
        case .labelled:
            return .labelled(
                prompt: try text(row["prompt"]), completion: try answer(row["completion"]), isDesirable: try label(row["label"]))
        case .choice:
            let choices = try ChoiceReader(turns.list(row["choices"]))
            return .choice(prompt: try text(row["prompt"]), choices: choices.texts, answer: try choices.index(row["answer"]))
        case .preferredOutput:
            return .preference(
                prompt: .turns(try turns.messages(row["input"]["messages"])), chosen: try answer(row["preferred_output"]),
                rejected: try answer(row["non_preferred_output"]))
        case .preference: return try preference(row)
        case .text: return .text(try row["text"].string())
        }
    }

    /// A string, or a list of messages.
    private func text(_ field: JSONCursor) throws(JSONError) -> RowText {
        if case .array? = field.value { return .turns(try turns.messages(field)) }
        if let value = field.value, value.stringValue == nil {
            throw field.invalid("expected a string or a list of messages, found \(value.kindName)")
        }
        return .text(try field.string())
    }

    /// `text` that an assistant says.
    private func answer(_ field: JSONCursor) throws(JSONError) -> RowText {
        let text = try text(field)
        if case .turns(let turns) = text, !turns.contains(where: \.isAssistant) {
            throw field.invalid("expected an assistant's message; there is none")
        }
        return text
    }

    private func label(_ field: JSONCursor) throws(JSONError) -> Bool {
        switch field.value {
        case .bool(let label): return label
        case .integer(0), .string("0"): return false
        case .integer(1), .string("1"): return true
        case .string(let text) where text.utf8.count == 4 && text.lowercased() == "true": return true
        case .string(let text) where text.utf8.count == 5 && text.lowercased() == "false": return false
        default: throw field.invalid("expected true or false, found \(field.value?.kindName ?? "nothing")")
        }
    }

    private func tools(_ field: JSONCursor) throws(JSONError) -> [JSONValue] {
        let list = try turns.list(field)
        guard list.exists else { return [] }
        var tools: [JSONValue] = []
        for tool in try list.array() { tools.append(.object(try tool.object())) }
        return tools
    }
}

// MARK: Preferences

extension RowReader {
    private func preference(_ row: JSONCursor) throws(JSONError) -> DataRow.Content {
        let (chosen, rejected) = (try answer(row["chosen"]), try answer(row["rejected"]))
        switch (chosen, rejected) {
        case (.turns(let chosen), .turns(let rejected)):
            guard row["prompt"].exists else { return try split(chosen, rejected, row) }
            let prompt = try text(row["prompt"])
            // Some sets give the question as text and, again, as the first message of both answers.
            if case .text(let question) = prompt, let first = chosen.first, first == rejected.first, !first.isAssistant,
                chosen.contains(where: { $0.message.content == question })
            {
                return try split(chosen, rejected, row)
            }
            return .preference(prompt: prompt, chosen: .turns(chosen), rejected: .turns(rejected))
        case (.text(let chosen), .text(let rejected)):
            guard row["prompt"].exists else { return try split(chosen, rejected, row) }
            return .preference(prompt: try text(row["prompt"]), chosen: .text(chosen), rejected: .text(rejected))
        default: throw row["rejected"].invalid("expected the same kind as `chosen`: both strings or both lists of messages")
        }
    }

    /// The prompt is what both begin with.
    private func split(
        _ chosen: [ConversationTurn], _ rejected: [ConversationTurn], _ row: JSONCursor
    ) throws(JSONError) -> DataRow.Content {
        var common = zip(chosen, rejected).prefix { $0 == $1 }.count
        // Each keeps an answer, also where both are equal.
        while common > 0, !chosen[common...].contains(where: \.isAssistant) || !rejected[common...].contains(where: \.isAssistant) {
            common -= 1
        }
        guard common > 0 else {
            throw row["chosen"].invalid("there is no `prompt`, and `chosen` and `rejected` do not begin with the same messages")
        }
        return .preference(
            prompt: .turns(Array(chosen[..<common])), chosen: .turns(Array(chosen[common...])), rejected: .turns(Array(rejected[common...]))
        )
    }

    /// As TRL does it: up to the first character that differs, less a space before it.
    private func split(_ chosen: String, _ rejected: String, _ row: JSONCursor) throws(JSONError) -> DataRow.Content {
        let (left, right) = (chosen.unicodeScalars, rejected.unicodeScalars)
        var (end, other) = (left.startIndex, right.startIndex)
        while end < left.endIndex, other < right.endIndex, left[end] == right[other] {
            end = left.index(after: end)
            other = right.index(after: other)
        }
        if end > left.startIndex, left[left.index(before: end)] == " " {
            end = left.index(before: end)
            other = right.index(before: other)
        }
        guard end > left.startIndex, end < left.endIndex, other < right.endIndex else {
            throw row["chosen"].invalid(
                "there is no `prompt`, and `chosen` and `rejected` are not a common beginning with two different answers")
        }
        return .preference(
            prompt: .verbatim(String(left[..<end])), chosen: .verbatim(String(left[end...])), rejected: .verbatim(String(right[other...])))
    }
}
