import Generation
import JSON

/// The events of one streamed response, numbered, and the items that it has had.
struct ResponseEvents: Sendable {
    private enum Open {
        case message(text: String, logprobs: [TokenLogprob])
        case reasoning(String)
        case call(Int)
    }

    /// Those that have ended.
    private(set) var items: [JSONValue] = []
    private var open: Open?
    private var count = 0

    /// An event of that name after `response.`.
    mutating func event(_ name: String, _ members: JSONObject) -> JSONValue {
        var event: JSONObject = ["type": .string("response.\(name)"), "sequence_number": .integer(Int64(count))]
        count += 1
        for (key, value) in members { event[key] = value }
        return .object(event)
    }

    mutating func take(_ part: AnswerPart, _ logprobs: [TokenLogprob], of answer: Answer) -> [JSONValue] {
        guard !part.isEmpty || !logprobs.isEmpty else { return [] }
        switch part {
        case .text(let text): return takeText(text, logprobs, answer)
        case .reasoning(let text): return takeReasoning(text, answer)
        case .call(let part): return takeCall(part, answer)
        }
    }

    /// The events that end what is open; a message without text where there was nothing at all.
    mutating func finish(_ answer: Answer, isWhole: Bool) -> [JSONValue] {
        let frames = items.isEmpty && open == nil ? takeText("", [], answer) : []
        return frames + end(answer, isWhole ? "completed" : "incomplete")
    }

    // MARK: Parts

    private mutating func takeText(_ text: String, _ logprobs: [TokenLogprob], _ answer: Answer) -> [JSONValue] {
        var frames: [JSONValue] = []
        if case .message(let before, let old)? = open {
            open = .message(text: before + text, logprobs: old + logprobs)
        } else {
            frames = end(answer, "completed")
            open = .message(text: text, logprobs: logprobs)
            frames.append(added(ResponseOutput.message(id(answer), [], "in_progress")))
            frames.append(event("content_part.added", place(answer, ["content_index": 0, "part": ResponseOutput.part("", [])])))
        }
        guard !text.isEmpty || !logprobs.isEmpty else { return frames }
        let delta: JSONObject = ["content_index": 0, "delta": .string(text), "logprobs": .array(ResponseOutput.entries(logprobs))]
        return frames + [event("output_text.delta", place(answer, delta))]
    }

    private mutating func takeReasoning(_ text: String, _ answer: Answer) -> [JSONValue] {
        var frames: [JSONValue] = []
        if case .reasoning(let before)? = open {
            open = .reasoning(before + text)
        } else {
            frames = end(answer, "completed")
            open = .reasoning(text)
            frames.append(added(ResponseOutput.reasoning(id(answer), nil)))
            let part: JSONValue = ["type": "summary_text", "text": ""]
            frames.append(event("reasoning_summary_part.added", place(answer, ["summary_index": 0, "part": part])))
        }
        return frames + [event("reasoning_summary_text.delta", place(answer, ["summary_index": 0, "delta": .string(text)]))]
    }

    private mutating func takeCall(_ part: ToolCallPart, _ answer: Answer) -> [JSONValue] {
        var frames: [JSONValue] = []
        var isOpen = false
        if case .call(part.index)? = open { isOpen = true }
        if !isOpen {
            frames = end(answer, "completed")
            open = .call(part.index)
            frames.append(added(ResponseOutput.call(id(answer), answer.choices[0].calls[part.index], "", "in_progress")))
        }
        guard !part.arguments.isEmpty else { return frames }
        return frames + [event("function_call_arguments.delta", place(answer, ["delta": .string(part.arguments)]))]
    }

    // MARK: Items

    private func id(_ answer: Answer) -> String {
        let prefix =
            switch open {
            case .reasoning: "rs_"
            case .call: "fc_"
            case .message, nil: "msg_"
            }
        return ResponseOutput.id(prefix, answer, items.count)
    }

    private mutating func added(_ item: JSONValue) -> JSONValue {
        event("output_item.added", ["output_index": .integer(Int64(items.count)), "item": item])
    }

    /// Members of an event about the open item.
    private func place(_ answer: Answer, _ members: JSONObject) -> JSONObject {
        var place: JSONObject = ["item_id": .string(id(answer)), "output_index": .integer(Int64(items.count))]
        for (key, value) in members { place[key] = value }
        return place
    }

    private mutating func end(_ answer: Answer, _ status: String) -> [JSONValue] {
        var frames: [JSONValue] = []
        let item: JSONValue
        switch open {
        case nil: return []
        case .message(let text, let logprobs):
            let part = ResponseOutput.part(text, logprobs)
            frames.append(
                event(
                    "output_text.done",
                    place(answer, ["content_index": 0, "text": .string(text), "logprobs": .array(ResponseOutput.entries(logprobs))])))
            frames.append(event("content_part.done", place(answer, ["content_index": 0, "part": part])))
            item = ResponseOutput.message(id(answer), [part], status)
        case .reasoning(let text):
            frames.append(event("reasoning_summary_text.done", place(answer, ["summary_index": 0, "text": .string(text)])))
            let part: JSONValue = ["type": "summary_text", "text": .string(text)]
            frames.append(event("reasoning_summary_part.done", place(answer, ["summary_index": 0, "part": part])))
            item = ResponseOutput.reasoning(id(answer), text)
        case .call(let index):
            let call = answer.choices[0].calls[index]
            frames.append(
                event("function_call_arguments.done", place(answer, ["name": .string(call.name), "arguments": .string(call.arguments)])))
            item = ResponseOutput.call(id(answer), call, call.arguments, status)
        }
        frames.append(event("output_item.done", ["output_index": .integer(Int64(items.count)), "item": item]))
        open = nil
        items.append(item)
        return frames
    }
}
