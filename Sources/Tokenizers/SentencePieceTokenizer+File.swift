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
        marksStart = try Self.marksStart(root["normalizer"])
        try Self.checkPreTokenizer(root["pre_tokenizer"])
        try checkDecoder(root["decoder"])
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

    /// Whether the normalizer puts a mark before a text, beside those for spaces, which it must make.
    private static func marksStart(_ normalizer: JSONCursor) throws -> Bool {
        let supported = "a Replace of ‘ ’ by ‘\(SpaceMark.text)’, after a Prepend of ‘\(SpaceMark.text)’ or alone"
        guard normalizer.exists else { throw normalizer.unsupported("none", supported) }
        var steps = [normalizer]
        if try normalizer["type"].string() == "Sequence" { steps = try normalizer["normalizers"].array() }
        var marksStart = false
        if steps.count > 1, let first = steps.first, try first["type"].string() == "Prepend" {
            let content = try first["prepend"].string()
            guard content == SpaceMark.text else { throw first["prepend"].unsupported("a Prepend of ‘\(content)’", supported) }
            marksStart = true
            steps.removeFirst()
        }
        guard steps.count == 1, let step = steps.first else { throw normalizer.unsupported("\(steps.count) steps", supported) }
        let kind = try step["type"].string()
        guard kind == "Replace" else { throw step["type"].unsupported("the normalizer ‘\(kind)’", supported) }
        let (pattern, content) = (try step["pattern"]["String"].string(), try step["content"].string())
        guard pattern == " ", content == SpaceMark.text else {
            throw step.unsupported("a Replace of ‘\(pattern)’ by ‘\(content)’", supported)
        }
        return marksStart
    }

    /// Cutting at spaces is none: the normalizer has left no space.
    private static func checkPreTokenizer(_ preTokenizer: JSONCursor) throws {
        guard preTokenizer.exists else { return }
        let kind = try preTokenizer["type"].string()
        guard kind == "Split", try preTokenizer["pattern"]["String"].optionalString() == " " else {
            throw preTokenizer["type"].unsupported("the pre-tokenizer ‘\(kind)’", "none, a Split at ‘ ’")
        }
    }

    private func checkDecoder(_ decoder: JSONCursor) throws {
        guard decoder.exists else { return }
        let steps = try decoder["type"].string() == "Sequence" ? decoder["decoders"].array() : [decoder]
        for step in steps {
            let kind = try step["type"].string()
            switch kind {
            case "ByteFallback", "Fuse": break
            case "Replace" where try step["pattern"]["String"].optionalString() == SpaceMark.text
                && step["content"].optionalString() == " ": break
            // Removes the mark that the normalizer put before the text.
            case "Strip" where try marksStart && step["content"].optionalString() == " "
                && step["start"].optionalInt(in: 0...1) == 1 && step["stop"].optionalInt(in: 0...1) == 0: break
            default:
                throw step["type"].unsupported(
                    "the decoder ‘\(kind)’", "ByteFallback, Fuse, a Replace of ‘\(SpaceMark.text)’ by ‘ ’")
            }
        }
    }
}
