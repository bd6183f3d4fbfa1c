import Generation
import JSON

/// Ollama's answers: one object, or a line for each piece. A call of a function comes whole, with an object as its arguments.
struct OllamaShape: AnswerShape {
    let errors = ErrorDialect.ollama
    let idPrefix = "ollama-"
    let endsWithDone = false
    let framing = StreamFraming.lines

    /// As the client wrote it.
    let model: String
    /// `message` holds the text; otherwise `response` does.
    let isChat: Bool
    /// The call of the stream that may not be whole yet.
    private var call: Int?

    init(model: String, isChat: Bool) {
        self.model = model
        self.isChat = isChat
    }

    func whole(_ answer: Answer) -> JSONValue {
        let choice = answer.choices[0]
        var body = piece(answer, text: choice.text, reasoning: choice.reasoning, calls: Self.calls(choice.calls))
        if answer.job.topLogprobs != nil { body["logprobs"] = Self.logprobs(choice.logprobs) }
        end(&body, answer)
        body["lmoe"] = answer.report
        return .object(body)
    }

    func opening(_ choice: Int, of answer: inout Answer) -> [JSONValue] { [] }

    mutating func delta(_ part: AnswerPart, _ logprobs: [TokenLogprob], _ choice: Int, of answer: inout Answer) -> [JSONValue] {
        var frames: [JSONValue] = []
        if case .call(let part) = part {
            if call != part.index { frames = endCall(answer) }
            call = part.index
            return frames
        }
        frames = endCall(answer)
        guard !part.isEmpty || !logprobs.isEmpty else { return frames }
        var reasoning = ""
        if case .reasoning(let text) = part { reasoning = text }
        var body = piece(answer, text: part.text, reasoning: reasoning)
        if answer.job.topLogprobs != nil { body["logprobs"] = Self.logprobs(logprobs) }
        return frames + [.object(body)]
    }

    mutating func closing(_ choice: Int, of answer: inout Answer) -> [JSONValue] {
        let frames = endCall(answer)
        var body = piece(answer, text: "", reasoning: "")
        end(&body, answer)
        body["lmoe"] = answer.report
        return frames + [.object(body)]
    }

    func usage(of answer: Answer) -> JSONValue? { nil }

    /// An answer to a request without a prompt: the model was loaded or taken out of memory.
    func only(_ reason: String, created: Int) -> JSONValue {
        var body = frame(created)
        add(text: "", reasoning: "", calls: [], to: &body)
        body["done"] = true
        body["done_reason"] = .string(reason)
        return .object(body)
    }

    // MARK: Members

    private mutating func endCall(_ answer: Answer) -> [JSONValue] {
        guard let index = call else { return [] }
        call = nil
        return [.object(piece(answer, text: "", reasoning: "", calls: Self.calls([answer.choices[0].calls[index]], from: index)))]
    }

    private func piece(_ answer: Answer, text: String, reasoning: String, calls: [JSONValue] = []) -> JSONObject {
        var body = frame(answer.created)
        add(text: text, reasoning: reasoning, calls: calls, to: &body)
        body["done"] = false
        return body
    }

    private func frame(_ created: Int) -> JSONObject { ["model": .string(model), "created_at": .string(UnixClock.text(created))] }

    private func add(text: String, reasoning: String, calls: [JSONValue], to body: inout JSONObject) {
        guard isChat else {
            body["response"] = .string(text)
            if !reasoning.isEmpty { body["thinking"] = .string(reasoning) }
            return
        }
        var message: JSONObject = ["role": "assistant", "content": .string(text)]
        if !reasoning.isEmpty { message["thinking"] = .string(reasoning) }
        if !calls.isEmpty { message["tool_calls"] = .array(calls) }
        body["message"] = .object(message)
    }

    private static func calls(_ calls: [AnsweredCall], from first: Int = 0) -> [JSONValue] {
        calls.enumerated().map { index, call in
            [
                "id": .string(call.id),
                "function": [
                    "index": .integer(Int64(first + index)), "name": .string(call.name), "arguments": .object(call.argumentsObject),
                ],
            ]
        }
    }

    private static func logprobs(_ logprobs: [TokenLogprob]) -> JSONValue { ChatShape.logprobs(logprobs)["content"] ?? [] }

    /// Why it ended, counts, and times in nanoseconds.
    private func end(_ body: inout JSONObject, _ answer: Answer) {
        let (choice, usage) = (answer.choices[0], answer.usage)
        body["done"] = true
        body["done_reason"] = choice.finish == .length ? "length" : "stop"
        let timings = choice.timings ?? GenerationTimings()
        func nanoseconds(_ milliseconds: Double) -> JSONValue { .integer(Int64((milliseconds * 1e6).rounded())) }
        let route = choice.decision?.milliseconds ?? 0
        body["total_duration"] = nanoseconds(
            route + timings.queueMilliseconds + timings.loadMilliseconds + timings.prefillMilliseconds + timings.decodeMilliseconds)
        body["load_duration"] = nanoseconds(timings.loadMilliseconds)
        body["prompt_eval_count"] = .integer(Int64(usage.promptTokens))
        body["prompt_eval_duration"] = nanoseconds(timings.prefillMilliseconds)
        body["eval_count"] = .integer(Int64(usage.completionTokens))
        body["eval_duration"] = nanoseconds(timings.decodeMilliseconds)
    }
}
