internal import Tokenizers
internal import Weights

extension GGUFTokenizer {
    /// The metadata pairs of a byte-level BPE tokenizer.
    var pairs: [GGUFField] {
        var pairs: [GGUFField] = []
        func add(_ name: String, _ value: GGUFField.Value?) {
            if let value { pairs.append(GGUFField("tokenizer.ggml.\(name)", value)) }
        }
        add("model", .string(model))
        add("pre", preTokenizer.map { .string($0) })
        add("tokens", .strings(tokens))
        add("token_type", types.isEmpty ? nil : .i32s(types.map { Int32($0) }))
        add("merges", .strings(merges))
        for (name, id) in [("bos", bos), ("eos", eos), ("eot", eot), ("unknown", unknown), ("padding", padding)] {
            add("\(name)_token_id", id.map { .u32(UInt32($0)) })
        }
        add("add_bos_token", .bool(addBOS))
        add("add_eos_token", .bool(addEOS))
        add("add_space_prefix", .bool(addSpacePrefix))
        return pairs
    }

    /// The vocabulary as the tokenizer's module has it.
    var bytePairs: BytePairVocabulary {
        BytePairVocabulary(
            tokens: tokens, types: types, merges: merges, preTokenizer: preTokenizer ?? "default", beginOfSequence: bos, endOfSequence: eos,
            endOfTurn: eot, addBeginOfSequence: addBOS, addEndOfSequence: addEOS)
    }

    /// Of a Hugging Face folder with byte-level BPE, with an unused token for each row of the embedding table that has none.
    ///
    /// Errors: `unsupported`, also for SentencePiece; `malformed`.
    init(_ folder: ModelFolder, vocabulary rows: Int) throws(ModelError) {
        let config = folder.has("tokenizer_config.json") ? try folder.json("tokenizer_config.json") : .object([:])
        let main = try folder.json("config.json")
        let path = "\(folder.path)/tokenizer.json"
        var parts: BytePairVocabulary
        do throws(TokenizerError) {
            parts = try BytePairVocabulary(
                tokenizerJSON: path, configPath: folder.has("tokenizer_config.json") ? "\(folder.path)/tokenizer_config.json" : nil)
        } catch {
            throw ModelError(error)
        }
        guard parts.tokens.count <= rows else {
            throw ModelError(.malformed, "\(parts.tokens.count) tokens, the embedding table has \(rows) rows", file: path)
        }
        parts.pad(to: rows)

        /// By name in `tokenizer_config.json`, or by number in `config.json`, where it may be a list.
        func id(_ name: String) throws(ModelError) -> Int32? {
            let token = config["\(name)_token"]
            if let text = token?.stringValue ?? token?["content"]?.stringValue, !text.isEmpty {
                guard let id = parts.tokens.firstIndex(of: text) else {
                    throw ModelError(.malformed, "\(name)_token \(text.debugDescription) is not in the vocabulary", file: "\(folder.path)/tokenizer_config.json")
                }
                return Int32(id)
            }
            let number = main["\(name)_token_id"]
            guard let id = number?.intValue ?? number?[0]?.intValue, parts.tokens.indices.contains(id) else { return nil }
            return Int32(id)
        }
        model = "gpt2"
        preTokenizer = parts.preTokenizer
        (tokens, types, merges, scores) = (parts.tokens, parts.types, parts.merges, [])
        let (begin, end) = (try id("bos"), try id("eos"))
        bos = parts.beginOfSequence ?? begin
        eos = parts.endOfSequence ?? end
        unknown = try id("unk")
        padding = try id("pad")
        eot = nil
        (addBOS, addEOS, addSpacePrefix) = (parts.addBeginOfSequence, parts.addEndOfSequence, false)
    }
}

extension ModelError {
    init(_ error: TokenizerError) {
        let code: Code =
            switch error.code {
            case .notFound: .notFound
            case .unsupported: .unsupported
            case .limitExceeded: .limitExceeded
            case .malformed: .malformed
            }
        self.init(code, error.path.map { "\($0): \(error.message)" } ?? error.message, file: error.file)
    }
}
