import Generation
import JSON

/// `text_completion`, whole and as chunks.
struct CompletionShape: AnswerShape {
    let errors = ErrorDialect.openAI
    let idPrefix = "cmpl-"
    let endsWithDone = true

    func whole(_ answer: Answer) -> JSONValue {
        let choices = answer.choices.enumerated().map { index, choice -> JSONValue in
            var logprobs = logprobs(answer)
            addEcho(to: &logprobs, index, of: answer)
            var offset = choice.offset
            logprobs?.add(choice.logprobs, offset: &offset)
            var entry = entry(
                index, text: answer.echo(of: index) + choice.text, logprobs: logprobs?.json ?? .null,
                finish: choice.finish.map { .string($0.rawValue) } ?? .null)
            addPrompt(to: &entry, index, of: answer)
            if answer.job.tokens.returnsIDs { entry["token_ids"] = PromptShape.ids(choice.logprobs.map(\.chosen.token)) }
            return .object(entry)
        }
        return .object(frame(answer, model: answer.model, choices: choices, report: answer.report, usage: answer.usageJSON))
    }

    /// The echoed prompt, and what is asked of the prompt. Without them nothing comes before the first token, which clients time; the
    /// report comes with it.
    func opening(_ choice: Int, of answer: inout Answer) -> [JSONValue] {
        let echo = answer.echo(of: choice)
        var logprobs = answer.job.echoesPrompt ? logprobs(answer) : nil
        addEcho(to: &logprobs, choice, of: answer)
        var entry = entry(choice, text: echo, logprobs: logprobs?.json ?? .null)
        addPrompt(to: &entry, choice, of: answer)
        guard !echo.isEmpty || answer.job.tokens.returnsIDs else { return [] }
        return [chunk(&answer, choice, entry)]
    }

    func delta(_ part: AnswerPart, _ logprobs: [TokenLogprob], _ choice: Int, of answer: inout Answer) -> [JSONValue] {
        guard !part.isEmpty || !logprobs.isEmpty else { return [] }
        var written = self.logprobs(answer)
        written?.add(logprobs, offset: &answer.choices[choice].offset)
        var entry = entry(choice, text: part.text, logprobs: written?.json ?? .null)
        if answer.job.tokens.returnsIDs { entry["token_ids"] = PromptShape.ids(logprobs.map(\.chosen.token)) }
        return [chunk(&answer, choice, entry)]
    }

    func closing(_ choice: Int, of answer: inout Answer) -> [JSONValue] {
        let finish = answer.choices[choice].finish.map { JSONValue.string($0.rawValue) } ?? .null
        let report = answer.closingReport(of: choice)
        return [chunk(&answer, choice, entry(choice, text: "", finish: finish), report: report)]
    }

    func usage(of answer: Answer) -> JSONValue? {
        .object(frame(answer, model: answer.model, choices: [], usage: answer.usageJSON))
    }

    /// nil: the client wants none.
    private func logprobs(_ answer: Answer) -> CompletionLogprobs? {
        answer.job.topLogprobs.map { CompletionLogprobs(top: $0, namesByID: answer.job.tokens.namesByID) }
    }

    private func addEcho(to logprobs: inout CompletionLogprobs?, _ choice: Int, of answer: Answer) {
        guard answer.job.echoesPrompt, let prompt = answer.choices[choice].prompt else { return }
        logprobs?.add(prompt, echoed: answer.echo(of: choice).unicodeScalars.count)
    }

    private func addPrompt(to entry: inout JSONObject, _ choice: Int, of answer: Answer) {
        guard let prompt = answer.choices[choice].prompt else { return }
        if let top = answer.job.tokens.promptLogprobs { entry["prompt_logprobs"] = PromptShape.logprobs(prompt, top: top) }
        if answer.job.tokens.returnsIDs { entry["prompt_token_ids"] = PromptShape.ids(prompt.tokens) }
    }

    private func entry(
        _ choice: Int, text: String, logprobs: JSONValue = .null, finish: JSONValue = .null
    ) -> JSONObject {
        ["text": .string(text), "index": .integer(Int64(choice)), "logprobs": logprobs, "finish_reason": finish]
    }

    /// The first chunk of a choice has its whole report.
    private func chunk(_ answer: inout Answer, _ choice: Int, _ entry: JSONObject, report: JSONValue? = nil) -> JSONValue {
        let whole = answer.choices[choice].isReported ? report : answer.report(of: choice)
        answer.choices[choice].isReported = true
        return .object(
            frame(
                answer, model: answer.model(of: choice), choices: [.object(entry)], report: whole, usage: answer.chunkUsage(of: choice)))
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
}
