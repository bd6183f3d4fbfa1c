import JSON

extension BytePairVocabulary {
    /// What a GGUF file says of the tokenizer in a `tokenizer.json`: the opposite of `tokenizerJSON`.
    ///
    /// Free ids get an unused token each. GGUF cannot say that an added token takes the space beside it, or matches whole words only.
    /// - Parameter configPath: `tokenizer_config.json`, which names the begin- and end-of-sequence tokens.
    /// - Throws: those of `BytePairTokenizer.load`; `unsupported` for a pre-tokenizer, normalizer or post-processor without a name in GGUF.
    public init(tokenizerJSON path: String, configPath: String? = nil) throws(TokenizerError) {
        let parts = try BytePairParts(TokenizerFile(path), configPath: configPath)
        func unsupported(_ message: String) -> TokenizerError { TokenizerError(.unsupported, message, file: path) }

        let known = ["gpt-2", "smollm", "llama-bpe", "smaug-bpe", "qwen2", "gpt-4o", "tekken"]
        guard
            let name = known.first(where: {
                PreTokenizer.named[$0] == parts.preTokenizer && PreTokenizer.ignoringMerges.contains($0) == parts.ignoresMerges
            })
        else { throw unsupported("GGUF has no name for its pre-tokenizer and `ignore_merges`; it has names for those of \(known.joined(separator: ", "))") }
        guard parts.normalizer == (parts.preTokenizer == .qwen2 ? .composed : .none) else {
            throw unsupported("a GGUF file of the pre-tokenizer ‘\(name)’ cannot say its normalizer (NFC belongs to ‘qwen2’, and only to it)")
        }
        guard parts.prefix.count <= 1, parts.suffix.count <= 1 else {
            throw unsupported("a GGUF file can put one token around a text on each side, not \(max(parts.prefix.count, parts.suffix.count))")
        }
        let begin = parts.prefix.first ?? parts.beginOfSequence
        let end = parts.suffix.first ?? parts.endName
        guard begin == parts.beginOfSequence || parts.beginOfSequence == nil, end == parts.endName || parts.endName == nil else {
            throw unsupported("the tokens around a text are others than those of the beginning and the end, which a GGUF file cannot say")
        }

        var types = [Int](repeating: Kind.normal.rawValue, count: parts.pieces.count)
        for token in parts.added { types[Int(token.id)] = (token.isSpecial ? Kind.control : .userDefined).rawValue }
        var tokens = parts.pieces
        for id in tokens.indices where tokens[id].isEmpty {
            tokens[id] = Self.padding(id)
            types[id] = Kind.unused.rawValue
        }
        self.init(
            tokens: tokens, types: types, merges: parts.merges.map { "\($0.left) \($0.right)" }, preTokenizer: name, beginOfSequence: begin,
            endOfSequence: end, addBeginOfSequence: !parts.prefix.isEmpty, addEndOfSequence: !parts.suffix.isEmpty)
    }

    /// Unused tokens for the rows of an embedding table that has more than there are tokens.
    public mutating func pad(to count: Int) {
        if types.isEmpty { types = [Int](repeating: Kind.normal.rawValue, count: tokens.count) }
        for id in tokens.count..<max(count, tokens.count) {
            tokens.append(Self.padding(id))
            types.append(Kind.unused.rawValue)
        }
    }

    /// As llama.cpp's converter spells it.
    private static func padding(_ id: Int) -> String { "[PAD\(id)]" }

    /// A `tokenizer.json` that Hugging Face `tokenizers` reads, with the same ids for every text. Unused tokens are left out.
    ///
    /// - Throws: `unsupported` for a pre-tokenizer that is not one of `PreTokenizer.named`, `malformed` merges and types.
    public func tokenizerJSON() throws(TokenizerError) -> JSONValue {
        guard let preTokenizer = PreTokenizer.named[self.preTokenizer] else {
            let known = PreTokenizer.named.keys.sorted().joined(separator: ", ")
            throw TokenizerError(
                .unsupported, "found the pre-tokenizer ‘\(self.preTokenizer)’; supported are \(known)", path: "tokenizer.ggml.pre")
        }
        var merges: [JSONValue] = []
        merges.reserveCapacity(self.merges.count)
        for (rank, merge) in self.merges.enumerated() {
            let (left, right) = try MergeText.split(merge, path: "tokenizer.ggml.merges[\(rank)]")
            merges.append([.string(left), .string(right)])
        }
        let unused = Kind.unused.rawValue
        let vocabulary = tokens.enumerated().compactMap { id, token in
            types.isEmpty || types[id] != unused ? (token, JSONValue.integer(Int64(id))) : nil
        }
        let model: JSONValue = [
            "type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil, "end_of_word_suffix": nil, "fuse_unk": false,
            "byte_fallback": false, "ignore_merges": .bool(PreTokenizer.ignoringMerges.contains(self.preTokenizer)),
            "vocab": .object(JSONObject(vocabulary)), "merges": .array(merges),
        ]
        return [
            "version": "1.0", "truncation": nil, "padding": nil,
            "added_tokens": .array(try addedTokens().map { token in
                [
                    "id": .integer(Int64(token.id)), "content": .string(token.content), "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": .bool(token.isSpecial),
                ]
            }),
            "normalizer": preTokenizer == .qwen2 ? ["type": "NFC"] : nil, "pre_tokenizer": preTokenizer.json,
            "post_processor": try postProcessor(),
            "decoder": ["type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true], "model": model,
        ]
    }

    /// Puts the tokens around a text; null where there are none.
    private func postProcessor() throws(TokenizerError) -> JSONValue {
        let begin = addBeginOfSequence ? try checked(beginOfSequence, "bos_token_id") : nil
        let end = addEndOfSequence ? try checked(endOfSequence, "eos_token_id") : nil
        guard begin != nil || end != nil else { return .null }
        func special(_ id: Int32?, type: Int64) -> [JSONValue] {
            id.map { [["SpecialToken": ["id": .string(tokens[Int($0)]), "type_id": .integer(type)]]] } ?? []
        }
        func around(_ sequence: String, type: Int64) -> [JSONValue] {
            special(begin, type: type) + [["Sequence": ["id": .string(sequence), "type_id": .integer(type)]]] + special(end, type: type)
        }
        let named = Set([begin, end].compactMap { $0 }).sorted().map { id in
            let name = JSONValue.string(tokens[Int(id)])
            return (tokens[Int(id)], JSONValue.object(["id": name, "ids": [.integer(Int64(id))], "tokens": [name]]))
        }
        return [
            "type": "TemplateProcessing", "single": .array(around("A", type: 0)), "pair": .array(around("A", type: 0) + around("B", type: 1)),
            "special_tokens": .object(JSONObject(named)),
        ]
    }
}

extension PreTokenizer {
    /// As `tokenizer.json` spells it.
    fileprivate var json: JSONValue {
        var steps: [JSONValue] = []
        if let digits { steps.append(["type": "Digits", "individual_digits": .bool(digits == .individual)]) }
        if let expression = WordPattern.expressions.first(where: { $0.pattern == pattern && $0.pattern != .gpt2 })?.expression {
            steps.append(["type": "Split", "pattern": ["Regex": .string(expression)], "behavior": "Isolated", "invert": false])
        }
        steps.append(["type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": .bool(pattern == .gpt2)])
        return steps.count == 1 ? steps[0] : ["type": "Sequence", "pretokenizers": .array(steps)]
    }
}
