import Generation
import JSON

/// `chat.completion` and `chat.completion.chunk`.
struct ChatShape: AnswerShape {
    let errors = ErrorDialect.openAI
    let idPrefix = "chatcmpl-"
    let endsWithDone = true

    func whole(_ answer: Answer) -> JSONValue {
        let choices = answer.choices.enumerated().map { index, choice -> JSONValue in
            [
                "index": .integer(Int64(index)),
                "message": Self.message(choice),
                "logprobs": answer.job.topLogprobs == nil ? nil : Self.logprobs(choice.logprobs),
                "finish_reason": choice.finish.map { .string($0.rawValue) } ?? .null,
            ]
        }
        return [
            "id": .string(answer.id), "object": "chat.completion", "created": .integer(Int64(answer.created)),
            "model": .string(answer.model), "choices": .array(choices), "usage": answer.usageJSON,
            "lmoe": answer.report,
        ]
    }

    private static func message(_ choice: Answer.Choice) -> JSONValue {
        let hasText = !choice.text.isEmpty || choice.calls.isEmpty
        var message: JSONObject = ["role": "assistant", "content": hasText ? .string(choice.text) : .null, "refusal": nil]
        if !choice.reasoning.isEmpty { message["reasoning_content"] = .string(choice.reasoning) }
        if !choice.calls.isEmpty {
            message["tool_calls"] = .array(
                choice.calls.map { call in
                    [
                        "id": .string(call.id), "type": "function",
                        "function": ["name": .string(call.name), "arguments": .string(call.arguments)],
                    ]
                })
        }
        return .object(message)
    }

    /// The first part of a call has its id, its type and its function's name.
    private static func delta(_ part: AnswerPart) -> JSONValue {
        switch part {
        case .text(let text): return ["content": .string(text)]
        case .reasoning(let text): return ["reasoning_content": .string(text)]
        case .call(let part):
            var function = JSONObject()
            if let name = part.name { function["name"] = .string(name) }
            function["arguments"] = .string(part.arguments)
            var call: JSONObject = ["index": .integer(Int64(part.index))]
            if let id = part.id {
                call["id"] = .string(id)
                call["type"] = "function"
            }
            call["function"] = .object(function)
            return ["tool_calls": [.object(call)]]
        }
    }

    /// The role goes first, alone, with the report beside it.
    func opening(_ choice: Int, of answer: inout Answer) -> [JSONValue] {
        var chunk = chunk(answer, choice, delta: ["role": "assistant", "content": ""])
        chunk["lmoe"] = answer.report(of: choice)
        return [.object(chunk)]
    }

    func delta(_ part: AnswerPart, _ logprobs: [TokenLogprob], _ choice: Int, of answer: inout Answer) -> [JSONValue] {
        guard !part.isEmpty || !logprobs.isEmpty else { return [] }
        let logprobs = answer.job.topLogprobs == nil ? .null : Self.logprobs(logprobs)
        return [.object(chunk(answer, choice, delta: Self.delta(part), logprobs: logprobs))]
    }

    func closing(_ choice: Int, of answer: inout Answer) -> [JSONValue] {
        let finish = answer.choices[choice].finish.map { JSONValue.string($0.rawValue) } ?? .null
        var chunk = chunk(answer, choice, delta: [:], finish: finish)
        chunk["lmoe"] = answer.closingReport(of: choice)
        return [.object(chunk)]
    }

    func usage(of answer: Answer) -> JSONValue? {
        [
            "id": .string(answer.id), "object": "chat.completion.chunk", "created": .integer(Int64(answer.created)),
            "model": .string(answer.model), "choices": [], "usage": answer.usageJSON,
        ]
    }

    private func chunk(
        _ answer: Answer, _ choice: Int, delta: JSONValue, logprobs: JSONValue = .null, finish: JSONValue = .null
    ) -> JSONObject {
        var chunk: JSONObject = [
            "id": .string(answer.id), "object": "chat.completion.chunk", "created": .integer(Int64(answer.created)),
            "model": .string(answer.model(of: choice)),
            "choices": [
                ["index": .integer(Int64(choice)), "delta": delta, "logprobs": logprobs, "finish_reason": finish]
            ],
        ]
        chunk["usage"] = answer.chunkUsage(of: choice)
        return chunk
    }

    static func logprobs(_ tokens: [TokenLogprob]) -> JSONValue {
        let content = tokens.map { token -> JSONValue in
            var entry = entry(token.chosen)
            entry["top_logprobs"] = .array(token.top.map { .object(self.entry($0)) })
            return .object(entry)
        }
        return ["content": .array(content), "refusal": nil]
    }

    private static func entry(_ token: TokenLogprob.Alternative) -> JSONObject {
        [
            "token": .string(token.text), "logprob": token.logprobJSON,
            "bytes": .array(token.bytes.map { .integer(Int64($0)) }),
        ]
    }
}
