extension BytePairTokenizer {
    /// The tokenizer of a GGUF file whose `tokenizer.ggml.model` is `gpt2`.
    ///
    /// Control and unknown tokens are special; those and user-defined ones are looked for in the text.
    /// - Throws: `malformed` where tokens, types and merges contradict each other, `unsupported` for a pre-tokenizer
    ///   that is not one of `PreTokenizer.named`.
    public convenience init(vocabulary: BytePairVocabulary) throws(TokenizerError) {
        var parts = BytePairParts()
        parts.pieces = vocabulary.tokens
        parts.mergesPath = "tokenizer.ggml.merges"
        try parts.checkCounts(vocabulary)
        parts.added = try vocabulary.addedTokens()
        parts.outside = Set(parts.added.map(\.id))
        for (rank, merge) in vocabulary.merges.enumerated() {
            parts.merges.append(try MergeText.split(merge, path: "tokenizer.ggml.merges[\(rank)]"))
        }
        guard let preTokenizer = PreTokenizer.named[vocabulary.preTokenizer] else {
            let known = PreTokenizer.named.keys.sorted().joined(separator: ", ")
            throw TokenizerError(
                .unsupported, "found the pre-tokenizer ‘\(vocabulary.preTokenizer)’; supported are \(known)",
                path: "tokenizer.ggml.pre")
        }
        parts.preTokenizer = preTokenizer
        parts.normalizer = preTokenizer == .qwen2 ? .composed : .none
        parts.ignoresMerges = PreTokenizer.ignoringMerges.contains(vocabulary.preTokenizer)
        parts.beginOfSequence = try vocabulary.checked(vocabulary.beginOfSequence, "bos_token_id")
        let end = try vocabulary.checked(vocabulary.endOfSequence, "eos_token_id")
        let turn = try vocabulary.checked(vocabulary.endOfTurn, "eot_token_id")
        parts.endOfSequence = Set([end, turn].compactMap { $0 })
        parts.addEndsByName()
        if vocabulary.addBeginOfSequence, let begin = parts.beginOfSequence { parts.prefix = [begin] }
        if vocabulary.addEndOfSequence, let end { parts.suffix = [end] }
        try self.init(parts)
    }
}

extension BytePairParts {
    fileprivate func checkCounts(_ vocabulary: BytePairVocabulary) throws(TokenizerError) {
        guard !pieces.isEmpty else {
            throw TokenizerError(.malformed, "no tokens", path: "tokenizer.ggml.tokens")
        }
        guard pieces.count <= Self.mostTokens else {
            throw TokenizerError(
                .limitExceeded, "\(pieces.count) tokens; at most \(Self.mostTokens) are read", path: "tokenizer.ggml.tokens")
        }
        guard vocabulary.merges.count <= Self.mostMerges else {
            throw TokenizerError(
                .limitExceeded, "\(vocabulary.merges.count) merges; at most \(Self.mostMerges) are read", path: mergesPath)
        }
        guard vocabulary.types.isEmpty || vocabulary.types.count == pieces.count else {
            throw TokenizerError(
                .malformed, "\(vocabulary.types.count) types for \(pieces.count) tokens", path: "tokenizer.ggml.token_type")
        }
    }
}

extension BytePairVocabulary {
    func addedTokens() throws(TokenizerError) -> [AddedToken] {
        var added: [AddedToken] = []
        for (id, type) in types.enumerated() {
            guard let kind = Kind(rawValue: type) else {
                throw TokenizerError(
                    .malformed, "found \(type), expected 1 to 6", path: "tokenizer.ggml.token_type[\(id)]")
            }
            guard kind == .control || kind == .unknown || kind == .userDefined, !tokens[id].isEmpty else { continue }
            added.append(AddedToken(id: Int32(id), content: tokens[id], isSpecial: kind != .userDefined))
        }
        return added
    }

    func checked(_ token: Int32?, _ name: String) throws(TokenizerError) -> Int32? {
        guard let token else { return nil }
        guard token >= 0, Int(token) < tokens.count else {
            throw TokenizerError(
                .malformed, "found \(token), expected an id below \(tokens.count)", path: "tokenizer.ggml.\(name)")
        }
        return token
    }
}

/// A merge written as `left right`.
enum MergeText {
    static func split(_ text: String, path: String) throws(TokenizerError) -> (left: String, right: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard parts.count == 2, let left = String(parts[0]), let right = String(parts[1]), !left.isEmpty, !right.isEmpty
        else {
            throw TokenizerError(.malformed, "found ‘\(text)’, expected two pieces with a space between them", path: path)
        }
        return (left, right)
    }
}
