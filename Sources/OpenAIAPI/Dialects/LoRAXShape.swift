import Generation
import JSON

/// LoRAX's answers: `generated_text` and `details`; in a stream one event a token, the last one with the whole text.
struct LoRAXShape: AnswerShape {
    let errors = ErrorDialect.lorax
    let idPrefix = "gen-"
    let endsWithDone = false

    var hasDetails: Bool
    var hasAlternatives: Bool
    /// `POST /` answers with a list of one.
    var isListed: Bool

    func whole(_ answer: Answer) -> JSONValue {
        let best = Self.best(answer.choices)
        var body: JSONObject = ["generated_text": text(answer, best)]
        if hasDetails {
            var details = wholeDetails(answer, best)
            if answer.choices.count > 1 {
                details["best_of_sequences"] = .array(
                    answer.choices.indices.filter { $0 != best }.map { other in
                        var sequence = wholeDetails(answer, other)
                        sequence["generated_text"] = text(answer, other)
                        return .object(sequence)
                    })
            }
            body["details"] = .object(details)
        }
        body["lmoe"] = answer.report
        return isListed ? [.object(body)] : .object(body)
    }

    /// The candidate whose tokens have the greatest mean log-probability.
    private static func best(_ choices: [Answer.Choice]) -> Int {
        let means = choices.map { choice in
            choice.logprobs.isEmpty ? -Float.infinity : choice.logprobs.reduce(0) { $0 + $1.chosen.logprob } / Float(choice.logprobs.count)
        }
        return means.indices.max { means[$0] < means[$1] } ?? 0
    }

    private func text(_ answer: Answer, _ choice: Int) -> JSONValue {
        .string(answer.prompt(of: choice).echo + answer.choices[choice].text)
    }

    private func wholeDetails(_ answer: Answer, _ choice: Int) -> JSONObject {
        var details = details(answer, choice)
        details["prefill"] = .array(answer.choices[choice].prompt.map(prefill) ?? [])
        details["tokens"] = .array(answer.choices[choice].logprobs.map(token))
        return details
    }

    func opening(_ choice: Int, of answer: inout Answer) -> [JSONValue] { [] }

    /// The last token is known only at the end, so each is sent when the next one comes.
    func delta(_ part: AnswerPart, _ logprobs: [TokenLogprob], _ choice: Int, of answer: inout Answer) -> [JSONValue] {
        let waiting = answer.choices[choice].logprobs + logprobs
        answer.choices[choice].logprobs = Array(waiting.suffix(1))
        return waiting.dropLast().map { ["token": token($0), "generated_text": nil, "details": nil] }
    }

    func closing(_ choice: Int, of answer: inout Answer) -> [JSONValue] {
        let nothing: JSONValue = ["id": 0, "text": "", "logprob": 0.0, "special": true]
        var event: JSONObject = ["token": answer.choices[choice].logprobs.last.map(token) ?? nothing]
        event["generated_text"] = text(answer, choice)
        event["details"] = .object(details(answer, choice))
        event["lmoe"] = answer.report
        return [.object(event)]
    }

    func usage(of answer: Answer) -> JSONValue? { nil }

    private func details(_ answer: Answer, _ index: Int) -> JSONObject {
        let choice = answer.choices[index]
        let reason: String =
            switch choice.finish {
            case .length: "length"
            default: choice.usage?.stopString == nil ? "eos_token" : "stop_sequence"
            }
        return [
            "finish_reason": .string(reason), "prompt_tokens": .integer(Int64(answer.usage.promptTokens)),
            "generated_tokens": .integer(Int64(choice.usage?.completionTokens ?? 0)), "skipped_tokens": 0,
            "seed": answer.job.sampling.seed.flatMap { Int64(exactly: $0) }.map(JSONValue.integer) ?? .null,
        ]
    }

    private func token(_ logprob: TokenLogprob) -> JSONValue {
        var token = plain(logprob.chosen)
        if hasAlternatives { token["alternative_tokens"] = .array(logprob.top.map { .object(plain($0)) }) }
        return .object(token)
    }

    private func prefill(_ prompt: PromptReport) -> [JSONValue] {
        prompt.tokens.indices.map { index in
            let logprob = prompt.logprobs.indices.contains(index) ? prompt.logprobs[index] : nil
            return [
                "id": .integer(Int64(prompt.tokens[index])), "text": .string(String(decoding: prompt.bytes[index], as: UTF8.self)),
                "logprob": logprob?.chosen.logprobJSON ?? .null,
            ]
        }
    }

    private func plain(_ token: TokenLogprob.Alternative) -> JSONObject {
        [
            "id": .integer(Int64(token.token)), "text": .string(token.text), "logprob": token.logprobJSON,
            "special": false, "skipped": false,
        ]
    }
}
