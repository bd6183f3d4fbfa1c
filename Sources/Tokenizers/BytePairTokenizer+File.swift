import JSON

extension BytePairTokenizer {
    /// Reads a `tokenizer.json` of a byte-level BPE model: GPT-2's, SmolLM's, Llama 3's and Qwen 2's families.
    ///
    /// - Parameter configPath: `tokenizer_config.json`, which names the begin- and end-of-sequence tokens.
    /// - Throws: `unsupported` names the model, normalizer, pre-tokenizer … that was found and what could have been.
    ///   `truncation` and `padding` of the file are not applied.
    /// Cost: `O(file)`; a vocabulary of 128,000 takes a few hundred milliseconds.
    public static func load(
        tokenizerJSON path: String, configPath: String? = nil
    ) throws(TokenizerError) -> BytePairTokenizer {
        try BytePairTokenizer(TokenizerFile(path), configPath: configPath)
    }

    convenience init(_ file: TokenizerFile, configPath: String?) throws(TokenizerError) {
        let parts = try BytePairParts(file, configPath: configPath)
        do {
            try self.init(parts)
        } catch {
            throw TokenizerError(error.code, error.message, file: file.path, path: error.path)
        }
    }
}

extension BytePairParts {
    init(_ file: TokenizerFile, configPath: String?) throws(TokenizerError) {
        self = try file.reading { root in try BytePairParts(root) }
        guard let configPath else { return }
        let (begin, end) = try TokenizerFile(configPath).reading { [self] config in
            (try token(config["bos_token"]), try token(config["eos_token"]))
        }
        beginOfSequence = begin ?? beginOfSequence
        endName = end
        if let end { endOfSequence.insert(end) }
    }

    private init(_ root: JSONCursor) throws {
        self.init()
        let model = root["model"]
        try checkKind(model)
        added = try TokenizerFile.addedTokens(root["added_tokens"])
        pieces = try TokenizerFile.pieces(model["vocab"], added: added)
        let own = try model["vocab"].object()
        outside = Set(added.filter { own[$0.content] == nil }.map(\.id))
        mergesPath = "model.merges"
        merges = try TokenizerFile.merges(model["merges"])
        ignoresMerges = try model["ignore_merges"].optionalBool() ?? false
        fusesUnknown = try model["fuse_unk"].optionalBool() ?? false
        unknown = try token(model["unk_token"])
        normalizer = try Normalizer(root["normalizer"])
        preTokenizer = try PreTokenizer(root["pre_tokenizer"])
        try checkDecoder(root["decoder"])
        (prefix, suffix) = try TokenizerFile.postProcessor(root["post_processor"], count: pieces.count)
        beginOfSequence = prefix.first
        addEndsByName()
    }

    private func checkKind(_ model: JSONCursor) throws {
        let kind = try model["type"].optionalString() ?? (model["merges"].exists ? "BPE" : "none")
        guard kind == "BPE" else { throw model["type"].unsupported("the model ‘\(kind)’", "BPE") }
        if try model["byte_fallback"].optionalBool() ?? false {
            throw model["byte_fallback"].unsupported("byte fallback", "BPE over bytes, which needs none")
        }
        try TokenizerFile.checkPlainBPE(model)
    }

    private func checkDecoder(_ decoder: JSONCursor) throws {
        guard decoder.exists else { return }
        let kind = try decoder["type"].string()
        guard kind == "ByteLevel" else { throw decoder["type"].unsupported("the decoder ‘\(kind)’", "ByteLevel") }
    }

    /// The id of a token that is named as a string or as an object with `content`.
    private func token(_ name: JSONCursor) throws -> Int32? {
        guard name.exists else { return nil }
        let content = try name.value?.stringValue ?? name["content"].string()
        guard !content.isEmpty else { return nil }
        let bytes = content.utf8
        guard let id = pieces.firstIndex(where: { $0.utf8.elementsEqual(bytes) }) else {
            throw name.invalid("‘\(content)’ is not in the vocabulary")
        }
        return Int32(id)
    }
}

extension Normalizer {
    fileprivate init(_ normalizer: JSONCursor) throws {
        self = .none
        guard normalizer.exists else { return }
        switch try normalizer["type"].string() {
        case "NFC":
            self = .composed
        case "Sequence":
            for inner in try normalizer["normalizers"].array() where try Normalizer(inner) == .composed {
                self = .composed
            }
        case let other:
            throw normalizer["type"].unsupported("the normalizer ‘\(other)’", "NFC, a Sequence of it, none")
        }
    }
}

extension PreTokenizer {
    fileprivate init(_ preTokenizer: JSONCursor) throws {
        self.init(digits: nil, pattern: nil)
        var isByteLevel = false
        let steps =
            try preTokenizer["type"].string() == "Sequence" ? preTokenizer["pretokenizers"].array() : [preTokenizer]
        for step in steps {
            guard !isByteLevel else { throw step.unsupported("a step behind ByteLevel", "ByteLevel as the last step") }
            switch try step["type"].string() {
            case "Digits":
                guard digits == nil, pattern == nil else {
                    throw step.unsupported("Digits behind another step", "Digits as the first step")
                }
                digits = try step["individual_digits"].optionalBool() ?? false ? .individual : .runs
            case "Split":
                try add(Self.pattern(step), at: step)
            case "ByteLevel":
                guard try !(step["add_prefix_space"].optionalBool() ?? true) else {
                    throw step["add_prefix_space"].unsupported("true", "false")
                }
                if try step["use_regex"].optionalBool() ?? true { try add(.gpt2, at: step) }
                isByteLevel = true
            case let other:
                throw step["type"].unsupported("the pre-tokenizer ‘\(other)’", "Digits, Split, ByteLevel, Sequence")
            }
        }
        guard isByteLevel else { throw preTokenizer.unsupported("no ByteLevel step", "ByteLevel as the last step") }
    }

    private mutating func add(_ pattern: WordPattern, at step: JSONCursor) throws {
        guard self.pattern == nil else { throw step.unsupported("a second pattern", "one pattern") }
        self.pattern = pattern
    }

    private static func pattern(_ step: JSONCursor) throws -> WordPattern {
        let expression = try step["pattern"]["Regex"].string()
        guard let known = WordPattern.expressions.first(where: { $0.expression == expression }) else {
            throw step["pattern"]["Regex"].unsupported("‘\(expression)’", "the patterns of GPT-2, Llama 3 and Qwen 2")
        }
        let behavior = try step["behavior"].string()
        guard behavior == "Isolated", try !(step["invert"].optionalBool() ?? false) else {
            throw step.unsupported("a Split that is \(behavior) or inverted", "Isolated, not inverted")
        }
        return known.pattern
    }
}
