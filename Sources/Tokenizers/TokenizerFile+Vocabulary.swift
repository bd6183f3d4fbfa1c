import JSON

/// The parts of `tokenizer.json` that all kinds of models share.
extension TokenizerFile {
    /// The pieces by id, the added tokens among them.
    ///
    /// Two contents may not share an id; a content that the model's vocabulary has must have the same id there.
    static func pieces(_ vocabulary: JSONCursor, added: [AddedToken]) throws -> [String] {
        var pairs: [(piece: String, id: Int, path: String)] = []
        for (piece, id) in try vocabulary.members() {
            pairs.append((piece, try id.int(in: 0...BytePairParts.mostTokens), id.path))
        }
        let own = try vocabulary.object()
        for (index, token) in added.enumerated() {
            let path = "added_tokens[\(index)].id"
            if let id = own[token.content]?.intValue {
                guard id == Int(token.id) else {
                    throw TokenizerError(
                        .malformed, "‘\(token.content)’ is \(token.id) here and \(id) in the model's vocabulary", path: path)
                }
            } else {
                pairs.append((token.content, Int(token.id), path))
            }
        }
        guard let last = pairs.map(\.id).max() else {
            throw TokenizerError(.malformed, "no tokens", path: vocabulary.path)
        }
        guard last < BytePairParts.mostTokens else {
            throw TokenizerError(
                .limitExceeded, "id \(last); at most \(BytePairParts.mostTokens) tokens are read", path: vocabulary.path)
        }
        var pieces = [String](repeating: "", count: last + 1)
        for (piece, id, path) in pairs {
            guard piece.utf8.count <= BytePairParts.longestPiece else {
                throw TokenizerError(
                    .limitExceeded, "\(piece.utf8.count) bytes; at most \(BytePairParts.longestPiece) a piece", path: path)
            }
            guard pieces[id].isEmpty || pieces[id].utf8.elementsEqual(piece.utf8) else {
                throw TokenizerError(.malformed, "‘\(piece)’ and ‘\(pieces[id])’ are both \(id)", path: path)
            }
            pieces[id] = piece
        }
        return pieces
    }

    static func addedTokens(_ list: JSONCursor) throws -> [AddedToken] {
        var added: [AddedToken] = []
        for token in try list.optionalArray() ?? [] {
            let special = try token["special"].optionalBool() ?? false
            let content = try token["content"].string()
            guard !content.isEmpty else { continue }
            added.append(
                AddedToken(
                    id: Int32(try token["id"].int(in: 0...BytePairParts.mostTokens)), content: content,
                    singleWord: try token["single_word"].optionalBool() ?? false,
                    stripsLeft: try token["lstrip"].optionalBool() ?? false,
                    stripsRight: try token["rstrip"].optionalBool() ?? false,
                    isNormalized: try token["normalized"].optionalBool() ?? !special, isSpecial: special))
        }
        return added
    }

    /// The pairs of `merges`, best first; written as `left right` or as two pieces.
    static func merges(_ list: JSONCursor) throws -> [(left: String, right: String)] {
        let items = try list.array()
        guard items.count <= BytePairParts.mostMerges else {
            throw TokenizerError(
                .limitExceeded, "\(items.count) merges; at most \(BytePairParts.mostMerges) are read", path: list.path)
        }
        var merges: [(left: String, right: String)] = []
        merges.reserveCapacity(items.count)
        for item in items {
            if let text = item.value?.stringValue {
                if !text.utf8.starts(with: "#version".utf8) { merges.append(try MergeText.split(text, path: item.path)) }
            } else {
                let pair = try item.array()
                guard pair.count == 2 else { throw item.invalid("expected two pieces, found \(pair.count)") }
                merges.append((try pair[0].string(), try pair[1].string()))
            }
        }
        return merges
    }

    /// Refuses the options of a BPE model that no family here has.
    static func checkPlainBPE(_ model: JSONCursor) throws {
        if let dropout = try model["dropout"].optionalDouble(), dropout != 0 {
            throw model["dropout"].unsupported("dropout \(dropout)", "none")
        }
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            if let affix = try model[key].optionalString(), !affix.isEmpty {
                throw model[key].unsupported("‘\(affix)’", "none")
            }
        }
    }

    /// The id of a token that is named as a string or as an object with `content`.
    static func token(_ name: JSONCursor, in table: PieceTable) throws -> Int32? {
        guard name.exists else { return nil }
        let content = try name.value?.stringValue ?? name["content"].string()
        guard !content.isEmpty else { return nil }
        guard let id = table.id(of: content) else { throw name.invalid("‘\(content)’ is not in the vocabulary") }
        return id
    }

    /// The ids before and behind a text.
    static func postProcessor(
        _ processor: JSONCursor, count: Int
    ) throws -> (prefix: [Int32], suffix: [Int32]) {
        guard processor.exists else { return ([], []) }
        let supported = "TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel, Sequence"
        switch try processor["type"].string() {
        case "ByteLevel":
            return ([], [])
        case "BertProcessing", "RobertaProcessing":
            return (
                [try id(processor["cls"][1], count)], [try id(processor["sep"][1], count)]
            )
        case "TemplateProcessing":
            return try template(processor, count)
        case "Sequence":
            var (prefix, suffix): ([Int32], [Int32]) = ([], [])
            for inner in try processor["processors"].array() {
                let around = try postProcessor(inner, count: count)
                prefix = around.prefix + prefix
                suffix += around.suffix
            }
            return (prefix, suffix)
        case let other:
            throw processor["type"].unsupported("the post-processor ‘\(other)’", supported)
        }
    }

    private static func template(
        _ processor: JSONCursor, _ count: Int
    ) throws -> (prefix: [Int32], suffix: [Int32]) {
        var (prefix, suffix): ([Int32], [Int32]) = ([], [])
        var sequences = 0
        for part in try processor["single"].array() {
            if part["Sequence"].exists {
                sequences += 1
                continue
            }
            let name = part["SpecialToken"]["id"]
            let token = processor["special_tokens"][try name.string()]
            guard token.exists else { throw name.invalid("‘\(try name.string())’ is not among `special_tokens`") }
            for each in try token["ids"].array() {
                let id = try id(each, count)
                if sequences == 0 { prefix.append(id) } else { suffix.append(id) }
            }
        }
        guard sequences == 1 else {
            throw processor["single"].invalid("expected the sequence once, found it \(sequences) times")
        }
        return (prefix, suffix)
    }

    private static func id(_ cursor: JSONCursor, _ count: Int) throws -> Int32 {
        Int32(try cursor.int(in: 0...count - 1))
    }
}
