import Generation
import JSON

/// How a prompt's tokens and their log-probabilities are written.
enum PromptShape {
    /// vLLM's `prompt_logprobs`: an object for each token, from ids to log-probabilities; null for the first token.
    ///
    /// - Parameter top: alternatives of each token; there may be more of them in `report`.
    static func logprobs(_ report: PromptReport, top: Int) -> JSONValue {
        .array(
            report.logprobs.map { entry in
                guard let entry else { return .null }
                var object = JSONObject()
                for (place, alternative) in entry.top.prefix(top).enumerated() {
                    object[String(alternative.token)] = value(alternative, rank: place + 1)
                }
                object[String(entry.chosen.token)] = value(entry.chosen, rank: entry.rank)
                return .object(object)
            })
    }

    private static func value(_ token: TokenLogprob.Alternative, rank: Int?) -> JSONValue {
        [
            "logprob": token.logprobJSON, "rank": rank.map { .integer(Int64($0)) } ?? .null, "decoded_token": .string(token.text),
        ]
    }

    static func ids(_ tokens: [Int32]) -> JSONValue { .array(tokens.map { .integer(Int64($0)) }) }
}
