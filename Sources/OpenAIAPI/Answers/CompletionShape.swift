import Generation
import JSON

/// `text_completion`, whole and as chunks.
struct CompletionShape: AnswerShape {
    let errors = ErrorDialect.openAI
    let idPrefix = "cmpl-"
    let endsWithDone = true

    func whole(_ answer: Answer) -> JSONValue {
        let choices = answer.choices.enumerated().map { index, choice -> JSONValue in
            var offset = choice.offset
            let logprobs =
                answer.job.topLogprobs == nil ? JSONValue.null : Self.logprobs(choice.logprobs, offset: &offset)
            return [
                "text": .string(answer.prompt(of: index).echo + choice.text), "index": .integer(Int64(index)),
                "logprobs": logprobs, "finish_reason": choice.finish.map { .string($0.rawValue) } ?? .null,
            ]
        }
        return .object(frame(answer, model: answer.model, choices: choices, report: answer.report, usage: answer.usageJSON))
    }

    /// The echoed prompt. Without one nothing comes before the first token, which clients time; the report comes with it.
    func opening(_ choice: Int, of answer: inout Answer) -> [JSONValue] {
        let echo = answer.prompt(of: choice).echo
        return echo.isEmpty ? [] : [chunk(&answer, choice, entry(choice, text: echo))]
    }

    func delta(_ part: AnswerPart, _ logprobs: [TokenLogprob], _ choice: Int, of answer: inout Answer) -> [JSONValue] {
        guard !part.isEmpty || !logprobs.isEmpty else { return [] }
        let written =
            answer.job.topLogprobs == nil
            ? JSONValue.null : Self.logprobs(logprobs, offset: &answer.choices[choice].offset)
        return [chunk(&answer, choice, entry(choice, text: part.text, logprobs: written))]
    }

    func closing(_ choice: Int, of answer: inout Answer) -> [JSONValue] {
        let finish = answer.choices[choice].finish.map { JSONValue.string($0.rawValue) } ?? .null
        let report = answer.closingReport(of: choice)
        return [chunk(&answer, choice, entry(choice, text: "", finish: finish), report: report)]
    }

    func usage(of answer: Answer) -> JSONValue? {
        .object(frame(answer, model: answer.model, choices: [], usage: answer.usageJSON))
    }

    private func entry(
        _ choice: Int, text: String, logprobs: JSONValue = .null, finish: JSONValue = .null
    ) -> JSONValue {
        ["text": .string(text), "index": .integer(Int64(choice)), "logprobs": logprobs, "finish_reason": finish]
    }

    /// The first chunk of a choice has its whole report.
    private func chunk(_ answer: inout Answer, _ choice: Int, _ entry: JSONValue, report: JSONValue? = nil) -> JSONValue {
        let whole = answer.choices[choice].isReported ? report : answer.report(of: choice)
        answer.choices[choice].isReported = true
        return .object(
            frame(
                answer, model: answer.model(of: choice), choices: [entry], report: whole, usage: answer.chunkUsage(of: choice)))
    }

    private func frame(
        _ answer: Answer, model: String, choices: [JSONValue], report: JSONValue? = nil, usage: JSONValue? = nil
    ) -> JSONObject {
        var frame: JSONObject = [
            "id": .string(answer.id), "object": "text_completion", "created": .integer(Int64(answer.created)),
            "model": .string(model), "choices": .array(choices),
        ]
        frame["usage"] = usage
        frame["lmoe"] = report
        return frame
    }

    /// - Parameter offset: code points before the first token; after it, before the next one.
    static func logprobs(_ tokens: [TokenLogprob], offset: inout Int) -> JSONValue {
        var offsets: [JSONValue] = []
        for token in tokens {
            offsets.append(.integer(Int64(offset)))
            offset += token.chosen.text.unicodeScalars.count
        }
        let top = tokens.map { token -> JSONValue in
            var entry = JSONObject()
            for alternative in token.top { entry[alternative.completionText] = alternative.logprobJSON }
            // The chosen one is always there, even when it was not among the most probable.
            entry[token.chosen.completionText] = token.chosen.logprobJSON
            return .object(entry)
        }
        return [
            "tokens": .array(tokens.map { .string($0.chosen.completionText) }),
            "token_logprobs": .array(tokens.map(\.chosen.logprobJSON)), "top_logprobs": .array(top),
            "text_offset": .array(offsets),
        ]
    }
}
