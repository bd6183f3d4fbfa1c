/// The parts of a byte-level BPE tokenizer, independent of the file format.
struct BytePairParts {
    /// By id; empty for a free id. Added tokens are among them.
    var pieces: [String] = []
    var added: [AddedToken] = []
    /// Added tokens that the model itself does not know.
    var outside: Set<Int32> = []
    /// Best first.
    var merges: [(left: String, right: String)] = []
    /// The path of `merges` in the file, for errors.
    var mergesPath = "merges"
    var preTokenizer = PreTokenizer.gpt2
    var normalizer = Normalizer.none
    var ignoresMerges = false
    var unknown: Int32?
    var fusesUnknown = false
    /// Added around a text.
    var prefix: [Int32] = []
    var suffix: [Int32] = []
    var beginOfSequence: Int32?
    var endOfSequence: Set<Int32> = []
    /// The one of them that `tokenizer_config.json` names.
    var endName: Int32?

    /// More tokens than any vocabulary of today by a factor of ten; a rank must fit the 24 bits it has in `WordMerger`.
    static let mostTokens = 1 << 22
    static let mostMerges = 1 << 23
    /// In bytes, of a piece and of an added token.
    static let longestPiece = 1 << 16

    /// Special tokens that end a turn or a text, by the names that models give them.
    static let endNames: Set<String> = [
        "<|im_end|>", "<|endoftext|>", "<|end_of_text|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|endofturn|>",
        "<end_of_turn>", "<|return|>", "</s>", "<EOT>", "<|EOT|>", "<eos>",
    ]

    /// Adds the special tokens that end a text by their names.
    mutating func addEndsByName() {
        for token in added where token.isSpecial && Self.endNames.contains(token.content) {
            endOfSequence.insert(token.id)
        }
    }

    func model() throws(TokenizerError) -> BytePairModel {
        let table = PieceTable(pieces.map { Array($0.utf8) })
        var isSpecial = [Bool](repeating: false, count: pieces.count)
        for token in added where token.isSpecial { isSpecial[Int(token.id)] = true }
        let resolved = try resolvedMerges(in: table)
        var specialParts: [Int32: (Int32, Int32)] = [:]
        for merge in resolved where isSpecial[Int(merge.token)] && specialParts[merge.token] == nil {
            specialParts[merge.token] = (merge.left, merge.right)
        }
        return BytePairModel(
            pieces: table, isSpecial: isSpecial, isOutside: pieces.indices.map { outside.contains(Int32($0)) },
            byteTokens: (0..<256).map { byte in
                let token = [UInt8(byte)].withUnsafeBufferPointer { table.id(of: ByteAlphabet.encode($0)) }
                return token.flatMap { outside.contains($0) ? nil : $0 } ?? -1
            },
            merges: MergeTable(resolved), ignoresMerges: ignoresMerges, unknown: unknown, fusesUnknown: fusesUnknown,
            specialParts: specialParts)
    }

    /// The bytes of each token. An added token stands for the text that it matches, even where all its characters are in
    /// the byte-level alphabet; the reference takes those for bytes, so that `é` would not come back as itself.
    func tokenBytes() -> ByteStrings {
        var strings = pieces.map { ByteAlphabet.decode($0) ?? Array($0.utf8) }
        for token in added {
            strings[Int(token.id)] = token.isNormalized ? normalizer.normalize(token.content) : Array(token.content.utf8)
        }
        return ByteStrings(strings)
    }

    private func resolvedMerges(
        in table: PieceTable
    ) throws(TokenizerError) -> [(left: Int32, right: Int32, token: Int32)] {
        var resolved: [(left: Int32, right: Int32, token: Int32)] = []
        resolved.reserveCapacity(merges.count)
        for (rank, merge) in merges.enumerated() {
            func id(_ piece: String) throws(TokenizerError) -> Int32 {
                if let id = table.id(of: piece) { return id }
                throw TokenizerError(
                    .malformed, "‘\(merge.left)’ and ‘\(merge.right)’ merge, but ‘\(piece)’ is not in the vocabulary",
                    path: "\(mergesPath)[\(rank)]")
            }
            resolved.append((try id(merge.left), try id(merge.right), try id(merge.left + merge.right)))
        }
        return resolved
    }
}
