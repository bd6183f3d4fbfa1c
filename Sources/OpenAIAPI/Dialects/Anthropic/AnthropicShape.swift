import Generation
import JSON

/// Anthropic's `message`, whole and as named events.
struct AnthropicShape: AnswerShape {
    let errors = ErrorDialect.anthropic
    let idPrefix = "msg_"
    let endsWithDone = false
    let framing = StreamFraming.namedEvents

    private enum Block: Equatable { case text, thinking, call(Int) }
    /// The block of the stream that has not ended.
    private var open: Block?
    /// Blocks of the stream that have begun.
    private var begun = 0

    func whole(_ answer: Answer) -> JSONValue {
        let choice = answer.choices[0]
        var blocks: [JSONValue] = []
        if !choice.reasoning.isEmpty { blocks.append(["type": "thinking", "thinking": .string(choice.reasoning), "signature": ""]) }
        if !choice.text.isEmpty || (choice.calls.isEmpty && blocks.isEmpty) { blocks.append(["type": "text", "text": .string(choice.text)]) }
        blocks += choice.calls.map { call in
            [
                "type": "tool_use", "id": .string(Self.toolID(call.id)), "name": .string(call.name), "input": .object(call.argumentsObject),
            ]
        }
        var message = message(answer, blocks, usage: Self.usage(answer.usage), stop: Self.stop(choice))
        message["lmoe"] = answer.report
        return .object(message)
    }

    mutating func opening(_ choice: Int, of answer: inout Answer) -> [JSONValue] {
        let start = answer.choices[choice].start
        let usage = GenerationUsage(promptTokens: start?.promptTokens ?? 0, cachedTokens: start?.cachedTokens ?? 0, completionTokens: 0)
        var message = message(answer, [], usage: Self.usage(usage), stop: (nil, nil))
        message["lmoe"] = answer.report(of: choice)
        return [["type": "message_start", "message": .object(message)]]
    }

    mutating func delta(_ part: AnswerPart, _ logprobs: [TokenLogprob], _ choice: Int, of answer: inout Answer) -> [JSONValue] {
        guard !part.isEmpty else { return [] }
        switch part {
        case .text(let text):
            return begin(.text, ["type": "text", "text": ""]) + [delta(["type": "text_delta", "text": .string(text)])]
        case .reasoning(let text):
            return begin(.thinking, ["type": "thinking", "thinking": "", "signature": ""])
                + [delta(["type": "thinking_delta", "thinking": .string(text)])]
        case .call(let part):
            let call = answer.choices[choice].calls[part.index]
            let frames = begin(
                .call(part.index), ["type": "tool_use", "id": .string(Self.toolID(call.id)), "name": .string(call.name), "input": [:]])
            guard !part.arguments.isEmpty else { return frames }
            return frames + [delta(["type": "input_json_delta", "partial_json": .string(part.arguments)])]
        }
    }

    mutating func closing(_ choice: Int, of answer: inout Answer) -> [JSONValue] {
        var frames = begun == 0 ? begin(.text, ["type": "text", "text": ""]) : []
        frames += end()
        let (reason, sequence) = Self.stop(answer.choices[choice])
        frames.append([
            "type": "message_delta",
            "delta": ["stop_reason": reason.map(JSONValue.string) ?? .null, "stop_sequence": sequence.map(JSONValue.string) ?? .null],
            "usage": Self.usage(answer.usage), "lmoe": answer.closingReport(of: choice),
        ])
        frames.append(["type": "message_stop"])
        return frames
    }

    func usage(of answer: Answer) -> JSONValue? { nil }

    // MARK: Blocks of a stream

    /// The frames before a delta of `block`: none if it is the one that is open.
    private mutating func begin(_ block: Block, _ content: JSONValue) -> [JSONValue] {
        guard open != block else { return [] }
        let frames = end() + [["type": "content_block_start", "index": .integer(Int64(begun)), "content_block": content]]
        open = block
        begun += 1
        return frames
    }

    private func delta(_ delta: JSONValue) -> JSONValue {
        ["type": "content_block_delta", "index": .integer(Int64(begun - 1)), "delta": delta]
    }

    private mutating func end() -> [JSONValue] {
        guard open != nil else { return [] }
        open = nil
        return [["type": "content_block_stop", "index": .integer(Int64(begun - 1))]]
    }

    // MARK: Members

    private func message(
        _ answer: Answer, _ content: [JSONValue], usage: JSONValue, stop: (reason: String?, sequence: String?)
    ) -> JSONObject {
        [
            "id": .string(answer.id), "type": "message", "role": "assistant", "model": .string(answer.model), "content": .array(content),
            "stop_reason": stop.reason.map(JSONValue.string) ?? .null, "stop_sequence": stop.sequence.map(JSONValue.string) ?? .null,
            "usage": usage,
        ]
    }

    private static func stop(_ choice: Answer.Choice) -> (reason: String?, sequence: String?) {
        switch choice.finish {
        case nil: (nil, nil)
        case .length: ("max_tokens", nil)
        case .toolCalls: ("tool_use", nil)
        case .stop where !choice.calls.isEmpty: ("tool_use", nil)
        case .stop: choice.usage?.stopString.map { ("stop_sequence", $0) } ?? ("end_turn", nil)
        }
    }

    /// Anthropic's `input_tokens` are those that did not come from a cache.
    private static func usage(_ usage: GenerationUsage) -> JSONValue {
        [
            "input_tokens": .integer(Int64(usage.promptTokens - usage.cachedTokens)), "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": .integer(Int64(usage.cachedTokens)), "output_tokens": .integer(Int64(usage.completionTokens)),
        ]
    }

    /// Anthropic's ids of calls begin with `toolu_`.
    private static func toolID(_ id: String) -> String { "toolu_\(id.hasPrefix("call_") ? String(id.dropFirst(5)) : id)" }
}
