import Generation
import JSON

/// `chat.completion` and `chat.completion.chunk`.
struct ChatShape: AnswerShape {
    let errors = ErrorDialect.openAI
    let idPrefix = "chatcmpl-"
    let endsWithDone = true

    func whole(_ answer: Answer) -> JSONValue {
        let choices = answer.choices.enumerated().map { index, choice -> JSONValue in
            var echoed = choice
            echoed.text = answer.echo(of: index) + choice.text
            var entry: JSONObject = [
                "index": .integer(Int64(index)),
                "message": Self.message(echoed, answer.job),
                "logprobs": answer.job.topLogprobs == nil ? nil : Self.logprobs(choice.logprobs, namedByID: answer.job.tokens.namesByID),
                "finish_reason": Self.reason(choice, answer.job),
            ]
            if answer.job.tokens.returnsIDs { entry["token_ids"] = PromptShape.ids(choice.logprobs.map(\.chosen.token)) }
            return .object(entry)
        }
        var body: JSONObject = [
            "id": .string(answer.id), "object": "chat.completion", "created": .integer(Int64(answer.created)),
            "model": .string(answer.model), "choices": .array(choices), "usage": answer.usageJSON,
        ]
        Self.addPrompt(to: &body, 0, of: answer)
        body["lmoe"] = answer.report
        return .object(body)
    }

    /// What is asked of the prompt, which all choices share.
    private static func addPrompt(to body: inout JSONObject, _ choice: Int, of answer: Answer) {
        guard let prompt = answer.choices[choice].prompt else { return }
        if let top = answer.job.tokens.promptLogprobs { body["prompt_logprobs"] = PromptShape.logprobs(prompt, top: top) }
        if answer.job.tokens.returnsIDs { body["prompt_token_ids"] = PromptShape.ids(prompt.tokens) }
    }

    private static func message(_ choice: Answer.Choice, _ job: GenerationJob) -> JSONValue {
        let hasText = !choice.text.isEmpty || choice.calls.isEmpty
        var message: JSONObject = ["role": "assistant", "content": hasText ? .string(choice.text) : .null, "refusal": nil]
        if !choice.reasoning.isEmpty { addReasoning(choice.reasoning, to: &message) }
        if job.writesFunctionCall, let call = choice.calls.first {
            message["function_call"] = ["name": .string(call.name), "arguments": .string(call.arguments)]
        } else if !choice.calls.isEmpty {
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

    /// Under both of the names that clients look for.
    private static func addReasoning(_ text: String, to message: inout JSONObject) {
        message["reasoning_content"] = .string(text)
        message["reasoning"] = .string(text)
    }

    private static func reason(_ choice: Answer.Choice, _ job: GenerationJob) -> JSONValue {
        guard let finish = choice.finish else { return .null }
        return .string(finish == .toolCalls && job.writesFunctionCall ? "function_call" : finish.rawValue)
    }

    /// The first part of a call has its id, its type and its function's name.
    private static func delta(_ part: AnswerPart, _ job: GenerationJob) -> JSONValue {
        switch part {
        case .text(let text): return ["content": .string(text)]
        case .reasoning(let text):
            var delta = JSONObject()
            addReasoning(text, to: &delta)
            return .object(delta)
        case .call(let part):
            var function = JSONObject()
            if let name = part.name { function["name"] = .string(name) }
            function["arguments"] = .string(part.arguments)
            if job.writesFunctionCall { return ["function_call": .object(function)] }
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
        Self.addPrompt(to: &chunk, choice, of: answer)
        chunk["lmoe"] = answer.report(of: choice)
        let echo = answer.echo(of: choice)
        return [.object(chunk)] + (echo.isEmpty ? [] : [.object(self.chunk(answer, choice, delta: ["content": .string(echo)]))])
    }

    func delta(_ part: AnswerPart, _ logprobs: [TokenLogprob], _ choice: Int, of answer: inout Answer) -> [JSONValue] {
        guard !part.isEmpty || !logprobs.isEmpty else { return [] }
        let written = answer.job.topLogprobs == nil ? .null : Self.logprobs(logprobs, namedByID: answer.job.tokens.namesByID)
        let ids = answer.job.tokens.returnsIDs ? logprobs.map(\.chosen.token) : nil
        return [.object(chunk(answer, choice, delta: Self.delta(part, answer.job), logprobs: written, ids: ids))]
    }

    func closing(_ choice: Int, of answer: inout Answer) -> [JSONValue] {
        var chunk = chunk(answer, choice, delta: [:], finish: Self.reason(answer.choices[choice], answer.job))
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
        _ answer: Answer, _ choice: Int, delta: JSONValue, logprobs: JSONValue = .null, finish: JSONValue = .null, ids: [Int32]? = nil
    ) -> JSONObject {
        var entry: JSONObject = ["index": .integer(Int64(choice)), "delta": delta, "logprobs": logprobs, "finish_reason": finish]
        if let ids { entry["token_ids"] = PromptShape.ids(ids) }
        var chunk: JSONObject = [
            "id": .string(answer.id), "object": "chat.completion.chunk", "created": .integer(Int64(answer.created)),
            "model": .string(answer.model(of: choice)),
            "choices": [.object(entry)],
        ]
        chunk["usage"] = answer.chunkUsage(of: choice)
        return chunk
    }

    static func logprobs(_ tokens: [TokenLogprob], namedByID: Bool = false) -> JSONValue {
        let content = tokens.map { token -> JSONValue in
            var entry = entry(token.chosen, namedByID: namedByID)
            entry["top_logprobs"] = .array(token.top.map { .object(self.entry($0, namedByID: namedByID)) })
            return .object(entry)
        }
        return ["content": .array(content), "refusal": nil]
    }

    private static func entry(_ token: TokenLogprob.Alternative, namedByID: Bool) -> JSONObject {
        [
            "token": .string(namedByID ? token.idText : token.text), "logprob": token.logprobJSON,
            "bytes": .array(token.bytes.map { .integer(Int64($0)) }),
        ]
    }
}
