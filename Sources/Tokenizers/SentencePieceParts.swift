/// The parts of a SentencePiece tokenizer, independent of the file format.
struct SentencePieceParts {
    /// By id; empty for a free id. Added tokens are among them.
    var pieces: [String] = []
    var added: [AddedToken] = []
    /// Tokens that a character of a text cannot be.
    var outside: Set<Int32> = []
    /// Into tokens that are not special.
    var merges: [(left: Int32, right: Int32, token: Int32, rank: UInt32)] = []
    var unknown: Int32?
    var fusesUnknown = true
    var marking = SpaceMarking()
    var leadingDrop = LeadingDrop.nothing
    /// Every mark begins a word of its own: no merge crosses its place.
    var cutsAtMarks = false
    /// Added around a text.
    var prefix: [Int32] = []
    var suffix: [Int32] = []
    var beginOfSequence: Int32?
    var endOfSequence: Set<Int32> = []

    /// How a vocabulary spells the token of a byte: `<0x0A>`.
    static func byteName(_ byte: Int) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return "<0x\(digits.count < 2 ? "0" : "")\(digits)>"
    }

    /// Adds the special tokens that end a text by their names.
    mutating func addEndsByName() {
        for token in added where token.isSpecial && BytePairParts.endNames.contains(token.content) {
            endOfSequence.insert(token.id)
        }
    }

    /// `table` holds `pieces`.
    func model(_ table: PieceTable) -> SentencePieceModel {
        var isSpecial = [Bool](repeating: false, count: pieces.count)
        for token in added where token.isSpecial { isSpecial[Int(token.id)] = true }
        var isOutside = [Bool](repeating: false, count: pieces.count)
        for token in outside { isOutside[Int(token)] = true }
        return SentencePieceModel(
            pieces: table, isSpecial: isSpecial, isOutside: isOutside,
            byteTokens: (0..<256).map { byte in
                table.id(of: Self.byteName(byte)).flatMap { isOutside[Int($0)] ? nil : $0 } ?? -1
            },
            merges: MergeTable(ranked: merges), joinsMark: joinsMark(table), unknown: unknown, fusesUnknown: fusesUnknown)
    }

    private func joinsMark(_ table: PieceTable) -> [Bool] {
        var joins = [Bool](repeating: false, count: 256)
        if cutsAtMarks { return joins }
        for merge in merges {
            let piece = table[Int(merge.token)]
            for index in piece.indices.dropFirst().dropLast(2) where piece[index...].starts(with: SpaceMark.bytes) {
                joins[Int(piece[index - 1])] = true
            }
        }
        return joins
    }

    /// The bytes of each token: its byte, or its text with spaces for marks.
    func tokenBytes(_ byteTokens: [Int32]) -> ByteStrings {
        var strings = pieces.map { SpaceMark.unmark(Array($0.utf8)) }
        // What is looked for in normalized text stands for what it is there: with a space before it, where the normalizer puts one.
        for token in added where token.isNormalized {
            strings[Int(token.id)] = SpaceMark.unmark(marking.normalizer.normalize(token.content))
        }
        for (byte, token) in byteTokens.enumerated() where token >= 0 { strings[Int(token)] = [UInt8(byte)] }
        return ByteStrings(strings)
    }
}
