import JSON

/// Opens the tokenizer of a decoder, whichever of the module's kinds its file describes.
public enum DecoderTokenizer {
    /// Reads a `tokenizer.json` of a BPE model: over bytes (GPT-2's, SmolLM's, Llama 3's and Qwen 2's families), or over
    /// characters with byte fallback (Gemma's, Llama 2's).
    ///
    /// - Parameter configPath: `tokenizer_config.json`, which names the begin- and end-of-sequence tokens.
    /// - Throws: `unsupported` names the model, normalizer, pre-tokenizer … that was found and what could have been.
    ///   `truncation` and `padding` of the file are not applied.
    /// Cost: `O(file)`; a vocabulary of 128,000 takes a few hundred milliseconds.
    public static func load(tokenizerJSON path: String, configPath: String? = nil) throws(TokenizerError) -> any Tokenizer {
        let file = try TokenizerFile(path)
        let hasFallback = try file.reading { root in try root["model"]["byte_fallback"].optionalBool() ?? false }
        if hasFallback {
            return try SentencePieceTokenizer(file, configPath: configPath)
        }
        return try BytePairTokenizer(file, configPath: configPath)
    }
}

extension SentencePieceTokenizer {
    /// Reads the `tokenizer.json` of a folder: a BPE model over characters with byte fallback, with or without a mark before a text.
    public static func load(folder: String) throws(TokenizerError) -> SentencePieceTokenizer {
        try SentencePieceTokenizer(TokenizerFile("\(folder)/tokenizer.json"), configPath: nil)
    }

    convenience init(_ file: TokenizerFile, configPath: String?) throws(TokenizerError) {
        var (parts, table) = try file.reading { root in
            var parts = try SentencePieceParts(root)
            let table = PieceTable(parts.pieces.map { Array($0.utf8) })
            try parts.readMerges(root["model"], table)
            return (parts, table)
        }
        if let configPath {
            let config = try TokenizerFile(configPath)
            let (begin, end) = try config.reading { root in
                (try TokenizerFile.token(root["bos_token"], in: table), try TokenizerFile.token(root["eos_token"], in: table))
            }
            parts.beginOfSequence = begin ?? parts.beginOfSequence
            if let end { parts.endOfSequence.insert(end) }
        }
        self.init(parts, table)
    }
}
