extension SentencePieceTokenizer {
    /// The tokenizer of a GGUF file whose `tokenizer.ggml.model` is `llama`.
    ///
    /// Control and unknown tokens are special. User-defined ones are looked for in the text with its spaces marked, as
    /// SentencePiece does it, and are never merged. With a space prefix they are looked for in the text as it is, and each text behind one
    /// gets a space like the first, as llama.cpp has it.
    /// - Throws: `malformed` where tokens, types and scores contradict each other.
    /// Cost: two lookups for each way to cut each token in two; a quarter of a second for Gemma's 262,144.
    public convenience init(vocabulary: SentencePieceVocabulary) throws(TokenizerError) {
        try vocabulary.check()
        var parts = SentencePieceParts()
        parts.pieces = vocabulary.tokens
        for (id, token) in vocabulary.tokens.enumerated() where !token.isEmpty {
            switch vocabulary.kind(id) {
            case .control, .unknown: parts.added.append(AddedToken(id: Int32(id), content: token, isSpecial: true))
            case .userDefined:
                parts.added.append(AddedToken(id: Int32(id), content: token, isNormalized: !vocabulary.addSpacePrefix))
            case .unused: parts.outside.insert(Int32(id))
            case .normal, .byte: break
            }
        }
        parts.outside.formUnion(parts.added.map(\.id))
        if vocabulary.addSpacePrefix { (parts.marking.leading, parts.leadingDrop) = (.prepended, .oneSpace) }
        parts.unknown = vocabulary.unknown
        parts.beginOfSequence = vocabulary.beginOfSequence
        parts.endOfSequence = Set([vocabulary.endOfSequence, vocabulary.endOfTurn].compactMap { $0 })
        parts.addEndsByName()
        if vocabulary.addBeginOfSequence, let begin = vocabulary.beginOfSequence { parts.prefix = [begin] }
        if vocabulary.addEndOfSequence, let end = vocabulary.endOfSequence { parts.suffix = [end] }
        let table = PieceTable(parts.pieces.map { Array($0.utf8) })
        parts.merges = vocabulary.merges(table)
        self.init(parts, table)
    }
}

extension SentencePieceVocabulary {
    fileprivate func kind(_ id: Int) -> BytePairVocabulary.Kind { BytePairVocabulary.Kind(rawValue: types[id]) ?? .unused }

    /// Every way to put a normal token together from two of them. Ranks follow the scores; equal scores are equal ranks.
    fileprivate func merges(_ table: PieceTable) -> [(left: Int32, right: Int32, token: Int32, rank: UInt32)] {
        let isNormal = types.map { $0 == BytePairVocabulary.Kind.normal.rawValue }
        let order = tokens.indices.filter { isNormal[$0] }.sorted { (scores[$0], $1) > (scores[$1], $0) }
        var merges: [(left: Int32, right: Int32, token: Int32, rank: UInt32)] = []
        merges.reserveCapacity(2 * order.count)
        var rank: UInt32 = 0
        for (place, token) in order.enumerated() {
            if place > 0, scores[token] != scores[order[place - 1]] { rank += 1 }
            table[token].withUnsafeBufferPointer { piece in
                for cut in piece.indices.dropFirst() where piece[cut] & 0xC0 != 0x80 {
                    guard let left = table.id(of: UnsafeBufferPointer(rebasing: piece[..<cut])), isNormal[Int(left)],
                        let right = table.id(of: UnsafeBufferPointer(rebasing: piece[cut...])), isNormal[Int(right)]
                    else { continue }
                    merges.append((left, right, Int32(token), rank))
                }
            }
        }
        return merges
    }

    fileprivate func check() throws(TokenizerError) {
        func require(_ condition: Bool, _ code: TokenizerError.Code, _ message: String, _ key: String) throws(TokenizerError) {
            guard condition else { throw TokenizerError(code, message, path: "tokenizer.ggml.\(key)") }
        }
        try require(!tokens.isEmpty, .malformed, "no tokens", "tokens")
        try require(
            tokens.count <= BytePairParts.mostTokens, .limitExceeded,
            "\(tokens.count) tokens; at most \(BytePairParts.mostTokens) are read", "tokens")
        for (key, count) in [("token_type", types.count), ("scores", scores.count)] {
            try require(count == tokens.count, .malformed, "\(count) elements for \(tokens.count) tokens", key)
        }
        for (id, type) in types.enumerated() where BytePairVocabulary.Kind(rawValue: type) == nil {
            throw TokenizerError(.malformed, "found \(type), expected 1 to 6", path: "tokenizer.ggml.token_type[\(id)]")
        }
        if let id = scores.firstIndex(where: \.isNaN) {
            throw TokenizerError(.malformed, "found NaN, expected a number", path: "tokenizer.ggml.scores[\(id)]")
        }
        if let id = tokens.firstIndex(where: { $0.utf8.count > Self.longestToken }) {
            throw TokenizerError(
                .limitExceeded, "\(tokens[id].utf8.count) bytes; at most \(Self.longestToken) a token",
                path: "tokenizer.ggml.tokens[\(id)]")
        }
        for (key, token) in [
            ("bos_token_id", beginOfSequence), ("eos_token_id", endOfSequence), ("eot_token_id", endOfTurn),
            ("unknown_token_id", unknown),
        ] {
            guard let token else { continue }
            try require(
                token >= 0 && Int(token) < tokens.count, .malformed, "found \(token), expected an id below \(tokens.count)", key)
        }
    }

    /// In bytes; a token costs time by the square of its length. Real ones have up to about a hundred.
    private static let longestToken = 1 << 10
}
