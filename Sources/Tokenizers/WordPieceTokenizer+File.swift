import JSON

extension WordPieceTokenizer {
    /// Reads the `tokenizer.json` of an encoder's folder.
    ///
    /// - Throws: `unsupported` names the model, normalizer, pre-tokenizer … that was found and what could have been.
    ///   `truncation` and `padding` of the file are not applied: see `encode`.
    public static func load(folder: String) throws(TokenizerError) -> WordPieceTokenizer {
        try TokenizerFile(folder.hasSuffix("/") ? "\(folder)tokenizer.json" : "\(folder)/tokenizer.json").reading {
            try WordPieceTokenizer($0)
        }
    }

    private convenience init(_ root: JSONCursor) throws {
        let added = try TokenizerFile.addedTokens(root["added_tokens"])
        let pieces = try TokenizerFile.pieces(root["model"]["vocab"], added: added)
        let around = try TokenizerFile.postProcessor(root["post_processor"], count: pieces.count)
        try Self.checkPreTokenizer(root["pre_tokenizer"])
        self.init(
            model: try WordPieceModel(root["model"], pieces: pieces), normalizer: try BERTNormalizer(root["normalizer"]),
            added: added, prefix: around.prefix, suffix: around.suffix)
    }

    private static func checkPreTokenizer(_ preTokenizer: JSONCursor) throws {
        let kind = try preTokenizer["type"].string()
        guard kind == "BertPreTokenizer" else {
            throw preTokenizer["type"].unsupported("the pre-tokenizer ‘\(kind)’", "BertPreTokenizer")
        }
    }
}

extension WordPieceModel {
    fileprivate init(_ model: JSONCursor, pieces: [String]) throws {
        let longestWord = model["max_input_chars_per_word"]
        let kind = try model["type"].optionalString() ?? (longestWord.exists ? "WordPiece" : "none")
        guard kind == "WordPiece" else { throw model["type"].unsupported("the model ‘\(kind)’", "WordPiece") }
        let name = try model["unk_token"].optionalString() ?? "[UNK]"
        guard let unknown = try model["vocab"][name].optionalInt(in: 0...pieces.count - 1) else {
            throw model["unk_token"].invalid("‘\(name)’ is not in the vocabulary")
        }
        self.init(
            pieces: pieces, continuingPrefix: try model["continuing_subword_prefix"].optionalString() ?? "##",
            unknown: Int32(unknown), longestWord: try longestWord.optionalInt(in: 1...1 << 16) ?? 100)
    }
}

extension BERTNormalizer {
    /// Nil where there is none.
    fileprivate init?(_ normalizer: JSONCursor) throws {
        guard normalizer.exists else { return nil }
        let kind = try normalizer["type"].string()
        guard kind == "BertNormalizer" else {
            throw normalizer["type"].unsupported("the normalizer ‘\(kind)’", "BertNormalizer, none")
        }
        let lowercases = try normalizer["lowercase"].optionalBool() ?? true
        self.init(
            cleansText: try normalizer["clean_text"].optionalBool() ?? true,
            isolatesChinese: try normalizer["handle_chinese_chars"].optionalBool() ?? true,
            stripsAccents: try normalizer["strip_accents"].optionalBool() ?? lowercases, lowercases: lowercases)
    }
}
