import Generation
import JSON

/// The `logprobs` of completions: lists side by side, of the echoed prompt's tokens and the answer's.
struct CompletionLogprobs {
    /// Alternatives of each token, beside the token itself.
    var top: Int
    /// Tokens are written as `token_id:N`.
    var namesByID: Bool
    private var tokens: [JSONValue] = []
    private var values: [JSONValue] = []
    private var alternatives: [JSONValue] = []
    private var offsets: [JSONValue] = []

    init(top: Int, namesByID: Bool) {
        self.top = top
        self.namesByID = namesByID
    }

    /// The echoed prompt. What the echoed text does not have of the tokens' text, as a token that marks the beginning, comes before it
    /// and takes no place in the text.
    ///
    /// - Parameter length: code points of the echoed text.
    mutating func add(_ report: PromptReport, echoed length: Int) {
        var offset = length - report.bytes.reduce(0) { $0 + Self.codePoints($1) }
        for (index, token) in report.tokens.enumerated() {
            let bytes = report.bytes[index]
            if let entry = report.logprobs.indices.contains(index) ? report.logprobs[index] : nil {
                append(entry, offset: max(offset, 0))
            } else {
                append(.init(token: token, bytes: bytes, logprob: 0), value: .null, alternatives: .null, offset: max(offset, 0))
            }
            offset += Self.codePoints(bytes)
        }
    }

    /// More of the answer.
    ///
    /// - Parameter offset: code points before the first token; after it, before the next one.
    mutating func add(_ entries: [TokenLogprob], offset: inout Int) {
        for entry in entries {
            append(entry, offset: offset)
            offset += Self.codePoints(entry.chosen.bytes)
        }
    }

    var json: JSONValue {
        [
            "tokens": .array(tokens), "token_logprobs": .array(values), "top_logprobs": .array(alternatives),
            "text_offset": .array(offsets),
        ]
    }

    private mutating func append(_ entry: TokenLogprob, offset: Int) {
        var object = JSONObject()
        for alternative in entry.top.prefix(top) { object[name(alternative)] = alternative.logprobJSON }
        // The chosen one is always there, even when it was not among the most probable.
        object[name(entry.chosen)] = entry.chosen.logprobJSON
        append(entry.chosen, value: entry.chosen.logprobJSON, alternatives: .object(object), offset: offset)
    }

    private mutating func append(
        _ token: TokenLogprob.Alternative, value: JSONValue, alternatives object: JSONValue, offset: Int
    ) {
        tokens.append(.string(name(token)))
        values.append(value)
        alternatives.append(object)
        offsets.append(.integer(Int64(offset)))
    }

    private func name(_ token: TokenLogprob.Alternative) -> String { namesByID ? token.idText : token.completionText }

    /// Those that begin in the bytes: a token may be a part of a character.
    private static func codePoints(_ bytes: [UInt8]) -> Int { bytes.count { $0 & 0xC0 != 0x80 } }
}
