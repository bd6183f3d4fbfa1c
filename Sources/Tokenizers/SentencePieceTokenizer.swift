/// SentencePiece's BPE over characters (arXiv 1808.06226), without a space before the text (Gemma's tokenizer) or with one (Llama 2's).
///
/// Spaces become `▁`; the characters between added tokens are merged pair by pair, best piece first; a character that the
/// vocabulary lacks becomes the tokens of its bytes. Equal to Hugging Face `tokenizers` in the ids; in `decode`, bytes that
/// are no UTF-8 become U+FFFD as the protocol has it, where the reference gives one for each byte. Thread-safe; calls do
/// not wait for each other.
public final class SentencePieceTokenizer: Tokenizer {
    public let beginOfSequence: Int32?
    public let endOfSequence: Set<Int32>

    private let model: SentencePieceModel
    private let tokenBytes: ByteStrings
    private let splitter: AddedTokenSplitter
    /// Whether a text is read as if a space stood before it.
    let marksStart: Bool
    private let prefix: [Int32]
    private let suffix: [Int32]
    private let mergers = WordMergers()

    /// `table` holds the pieces of `parts`.
    init(_ parts: SentencePieceParts, _ table: PieceTable) {
        model = parts.model(table)
        tokenBytes = parts.tokenBytes(model.byteTokens)
        splitter = AddedTokenSplitter(parts.added, normalizer: parts.marksStart ? .markedSpacesAndStart : .markedSpaces)
        marksStart = parts.marksStart
        prefix = parts.prefix
        suffix = parts.suffix
        beginOfSequence = parts.beginOfSequence
        endOfSequence = parts.endOfSequence
    }

    public var vocabularySize: Int { model.pieces.count }

    public func encode(_ text: String, addSpecialTokens: Bool, parseSpecial: Bool) -> [Int32] {
        var ids = addSpecialTokens ? prefix : []
        encode(text, parseSpecial: parseSpecial, plainAt: [], into: &ids)
        if addSpecialTokens { ids += suffix }
        return ids
    }

    public func encode(_ text: String, plainAt offsets: Set<Int>) -> [Int32] {
        var ids: [Int32] = []
        encode(text, parseSpecial: true, plainAt: offsets, into: &ids)
        return ids
    }

    public func specialTokenOffsets(in text: String) -> [Int] { splitter.specialOffsets(in: text) }

    private func encode(_ text: String, parseSpecial: Bool, plainAt offsets: Set<Int>, into ids: inout [Int32]) {
        ids.reserveCapacity(text.utf8.count / 3 + 4)
        // Words that spell a special token come out of plain text only.
        let readsSpecial = parseSpecial && offsets.isEmpty
        mergers.withMerger { merger in
            splitter.forEachPart(text, special: parseSpecial, plain: offsets) { part in
                switch part {
                case .token(let token): ids.append(token)
                case .text(let range, let text):
                    model.encode(range, in: text, parseSpecial: readsSpecial, merger: merger, into: &ids)
                }
            }
        }
    }

    /// Without the space that was put before the text.
    public func decode(_ tokens: [Int32], skipSpecialTokens: Bool) -> String {
        var bytes: [UInt8] = []
        for token in tokens where !(skipSpecialTokens && isSpecial(token)) { bytes += tokenBytes[Int(token)] }
        if marksStart, bytes.first == UInt8(ascii: " ") { bytes.removeFirst() }
        return String(decoding: bytes, as: UTF8.self)
    }

    public func bytes(of token: Int32) -> [UInt8] { Array(tokenBytes[Int(token)]) }

    public func isSpecial(_ token: Int32) -> Bool {
        token >= 0 && token < model.isSpecial.count && model.isSpecial[Int(token)]
    }

    public func token(_ piece: String) -> Int32? { model.pieces.id(of: piece) }

    public func piece(of token: Int32) -> String? {
        let piece = model.pieces[Int(token)]
        return piece.isEmpty ? nil : String(decoding: piece, as: UTF8.self)
    }
}
