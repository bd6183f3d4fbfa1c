import Generation
import JSON

/// The fields of vLLM's that concern single tokens, on chat and completions.
struct TokenOptions: Sendable, Equatable {
    /// Tokens that end the answer beside the model's own.
    var stopTokens: Set<Int32> = []
    var includesStop = false
    var minTokens = 0
    var skipsSpecialTokens = true
    var bannedWords: [String] = []
    var allowedTokens: Set<Int32>?
    var truncation: PromptTruncation?
    /// Alternatives of each token of the prompt; nil asks for no log-probabilities of it.
    var promptLogprobs: Int?
    /// The ids of prompt and answer are part of the answer.
    var returnsIDs = false
    /// Tokens of log-probabilities are written as `token_id:N`.
    var namesByID = false
    /// Prompts are cached apart from those of other salts.
    var cacheSalt: String?

    static let names: Set<String> = [
        "stop_token_ids", "include_stop_str_in_output", "min_tokens", "skip_special_tokens", "spaces_between_special_tokens", "bad_words",
        "allowed_token_ids", "truncate_prompt_tokens", "truncation_side", "prompt_logprobs", "return_token_ids",
        "return_tokens_as_token_ids", "add_special_tokens", "echo", "cache_salt", "priority", "request_id", "use_beam_search",
        "length_penalty", "logits_processors",
    ]

    init() {}

    init(_ cursor: JSONCursor, maxTokens: Int?, isStream: Bool, limits: APILimits) throws(JSONError) {
        stopTokens = try Self.ids(cursor["stop_token_ids"], most: limits.stopTokens) ?? []
        includesStop = try cursor["include_stop_str_in_output"].optionalBool() ?? false
        minTokens = try cursor["min_tokens"].optionalInt(in: 0...Int(Int32.max)) ?? 0
        if let maxTokens, minTokens > maxTokens {
            throw cursor["min_tokens"].invalid("\(minTokens) is more than the \(maxTokens) that the answer has at most")
        }
        skipsSpecialTokens = try cursor["skip_special_tokens"].optionalBool() ?? true
        bannedWords = try Self.words(cursor["bad_words"], limits: limits)
        allowedTokens = try Self.ids(cursor["allowed_token_ids"], most: limits.allowedTokens)
        if allowedTokens?.isEmpty == true { throw cursor["allowed_token_ids"].invalid("expected one token id at least") }
        truncation = try Self.truncation(cursor)
        if try cursor["prompt_logprobs"].optionalInt() == -1 {
            throw cursor["prompt_logprobs"].invalid("-1, the whole vocabulary, is not supported; at most \(limits.topLogprobs) alternatives are given")
        }
        promptLogprobs = try cursor["prompt_logprobs"].optionalInt(in: 0...limits.topLogprobs)
        if isStream, let wanted = promptLogprobs {
            guard wanted == 0 else { throw cursor["prompt_logprobs"].invalid("not available when `stream` is true") }
            promptLogprobs = nil
        }
        returnsIDs = try cursor["return_token_ids"].optionalBool() ?? false
        namesByID = try cursor["return_tokens_as_token_ids"].optionalBool() ?? false
        cacheSalt = try cursor["cache_salt"].optionalName()
        if cacheSalt?.isEmpty == true { throw cursor["cache_salt"].invalid("empty") }
        try Self.refuseUnsupported(cursor)
    }

    /// `truncate_prompt_tokens`: the tokens that are kept, -1 for as many as have room; `truncation_side`: where the others are cut off.
    static func truncation(_ cursor: JSONCursor) throws(JSONError) -> PromptTruncation? {
        let count = try cursor["truncate_prompt_tokens"].optionalInt(in: -1...Int(Int32.max))
        let side = try cursor["truncation_side"].optionalName()
        guard side == nil || side == "left" || side == "right" else {
            throw cursor["truncation_side"].invalid("expected `left` or `right`: the side on which tokens are cut off")
        }
        guard let count else { return nil }
        guard count != 0 else { throw cursor["truncate_prompt_tokens"].invalid("expected 1 or more tokens, or -1 for as many as have room") }
        return PromptTruncation(tokens: count < 0 ? nil : count, keepsEnd: side != "right")
    }

    static func ids(_ cursor: JSONCursor, most: Int) throws(JSONError) -> Set<Int32>? {
        guard let places = try cursor.optionalArray() else { return nil }
        guard places.count <= most else { throw cursor.invalid("\(places.count) token ids; at most \(most) are taken") }
        var ids: Set<Int32> = []
        for place in places { ids.insert(Int32(try place.int(in: 0...Int(Int32.max)))) }
        return ids
    }

    private static func words(_ cursor: JSONCursor, limits: APILimits) throws(JSONError) -> [String] {
        guard let places = try cursor.optionalArray() else { return [] }
        guard places.count <= limits.bannedWords else {
            throw cursor.invalid("\(places.count) words; at most \(limits.bannedWords) are taken")
        }
        var words: [String] = []
        for place in places {
            let word = try place.string()
            guard word.utf8.contains(where: { $0 != UInt8(ascii: " ") }), word.utf8.count <= limits.stopStringBytes else {
                throw place.invalid("expected a word of 1 to \(limits.stopStringBytes) bytes, not of spaces only")
            }
            words.append(word)
        }
        return words
    }

    /// What vLLM has and this server has not; values that change nothing are accepted.
    private static func refuseUnsupported(_ cursor: JSONCursor) throws(JSONError) {
        if try cursor["use_beam_search"].optionalBool() == true {
            throw cursor["use_beam_search"].invalid("not supported: answers are drawn token by token")
        }
        if let processors = try cursor["logits_processors"].optionalArray(), !processors.isEmpty {
            throw cursor["logits_processors"].invalid("not supported: clients cannot run code here")
        }
        if let priority = try cursor["priority"].optionalInt(), priority != 0 {
            throw cursor["priority"].invalid("expected 0: requests are served in an order that is fair between adapters")
        }
        for field in ["spaces_between_special_tokens"] { _ = try cursor[field].optionalBool() }
        _ = try cursor["length_penalty"].optionalDouble()
        _ = try cursor["request_id"].optionalString()
    }
}
