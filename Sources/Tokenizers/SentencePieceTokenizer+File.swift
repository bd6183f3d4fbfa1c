import JSON

extension SentencePieceParts {
    /// Reads a `tokenizer.json` whose model is BPE with byte fallback and whose normalizer marks spaces.
    init(_ root: JSONCursor) throws {
        self.init()
        let model = root["model"]
        added = try TokenizerFile.addedTokens(root["added_tokens"])
        pieces = try TokenizerFile.pieces(model["vocab"], added: added)
        let own = try model["vocab"].object()
        outside = Set(added.filter { own[$0.content] == nil }.map(\.id))
        try Self.checkModel(model)
        try readSpaces(root)
        fusesUnknown = try model["fuse_unk"].optionalBool() ?? false
        (prefix, suffix) = try TokenizerFile.postProcessor(root["post_processor"], count: pieces.count)
        beginOfSequence = prefix.first
        addEndsByName()
    }

    /// What needs the pieces' table: `unk_token` and the merges, best first.
    mutating func readMerges(_ model: JSONCursor, _ table: PieceTable) throws {
        if let name = try model["unk_token"].optionalString() {
            guard let id = table.id(of: name) else { throw model["unk_token"].invalid("‘\(name)’ is not in the vocabulary") }
            unknown = id
        }
        let special = Set(added.filter(\.isSpecial).map(\.id))
        for (rank, merge) in try TokenizerFile.merges(model["merges"]).enumerated() {
            func id(_ piece: String) throws -> Int32 {
                if let id = table.id(of: piece) { return id }
                throw TokenizerError(
                    .malformed, "‘\(merge.left)’ and ‘\(merge.right)’ merge, but ‘\(piece)’ is not in the vocabulary",
                    path: "model.merges[\(rank)]")
            }
            let (left, right, token) = (try id(merge.left), try id(merge.right), try id(merge.left + merge.right))
            // Where a special token may come out of a text, it was found before any merging.
            if !special.contains(token) { merges.append((left, right, token, UInt32(rank))) }
        }
    }

    private static func checkModel(_ model: JSONCursor) throws {
        if try model["ignore_merges"].optionalBool() ?? false {
            throw model["ignore_merges"].unsupported("true", "false, where there is byte fallback")
        }
        try TokenizerFile.checkPlainBPE(model)
    }
}
