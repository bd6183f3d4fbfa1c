import Generation
import JSON

/// OpenAI's `response`, whole and as named events.
struct ResponseShape: AnswerShape {
    let errors = ErrorDialect.openAI
    let idPrefix = "resp_"
    let endsWithDone = false
    let framing = StreamFraming.namedEvents

    /// Members that repeat the request.
    let echo: JSONObject
    private var stream = ResponseEvents()

    init(echo: JSONObject) { self.echo = echo }

    /// After a stream, with the items that the stream had.
    func whole(_ answer: Answer) -> JSONValue {
        let output = stream.items.isEmpty ? ResponseOutput.items(of: answer) : stream.items
        return .object(response(answer, status: Self.status(answer), output: output, report: answer.report))
    }

    mutating func opening(_ choice: Int, of answer: inout Answer) -> [JSONValue] {
        let response = JSONValue.object(response(answer, status: "in_progress", output: [], report: answer.report(of: choice)))
        return [stream.event("created", ["response": response]), stream.event("in_progress", ["response": response])]
    }

    mutating func delta(_ part: AnswerPart, _ logprobs: [TokenLogprob], _ choice: Int, of answer: inout Answer) -> [JSONValue] {
        stream.take(part, answer.job.topLogprobs == nil ? [] : logprobs, of: answer)
    }

    mutating func closing(_ choice: Int, of answer: inout Answer) -> [JSONValue] {
        let status = Self.status(answer)
        let frames = stream.finish(answer, isWhole: status == "completed")
        return frames + [stream.event(status == "completed" ? "completed" : "incomplete", ["response": whole(answer)])]
    }

    func usage(of answer: Answer) -> JSONValue? { nil }

    mutating func failure(_ error: APIError, of answer: Answer) -> [JSONValue]? {
        var response = response(answer, status: "failed", output: stream.items, report: answer.report)
        response["error"] = [
            "code": error.code == .overloaded ? "rate_limit_exceeded" : "server_error", "message": .string(error.message),
        ]
        return [stream.event("failed", ["response": .object(response)])]
    }

    private static func status(_ answer: Answer) -> String {
        if answer.isCancelled { return "cancelled" }
        return answer.choices[0].finish == .length ? "incomplete" : "completed"
    }

    private func response(_ answer: Answer, status: String, output: [JSONValue], report: JSONValue) -> JSONObject {
        var response: JSONObject = [
            "id": .string(answer.id), "object": "response", "created_at": .integer(Int64(answer.created)), "status": .string(status),
            "error": nil, "incomplete_details": status == "incomplete" ? ["reason": "max_output_tokens"] : nil, "model": .string(answer.model),
            "output": .array(output),
        ]
        for (key, value) in echo { response[key] = value }
        response["usage"] = status == "in_progress" ? .null : Self.usage(answer.usage)
        response["lmoe"] = report
        return response
    }

    private static func usage(_ usage: GenerationUsage) -> JSONValue {
        [
            "input_tokens": .integer(Int64(usage.promptTokens)),
            "input_tokens_details": ["cached_tokens": .integer(Int64(usage.cachedTokens)), "cache_write_tokens": 0],
            "output_tokens": .integer(Int64(usage.completionTokens)), "output_tokens_details": ["reasoning_tokens": 0],
            "total_tokens": .integer(Int64(usage.promptTokens + usage.completionTokens)),
        ]
    }
}
