/// SentencePiece's BPE over characters (arXiv 1808.06226), without a space before the text (Gemma's tokenizer) or with one (Llama 2's, old
/// Mistral's).
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
    private let marking: SpaceMarking
    private let leadingDrop: LeadingDrop
    private let prefix: [Int32]
    private let suffix: [Int32]
    private let mergers = WordMergers()

    /// `table` holds the pieces of `parts`.
    init(_ parts: SentencePieceParts, _ table: PieceTable) {
        model = parts.model(table)
        tokenBytes = parts.tokenBytes(model.byteTokens)
        splitter = AddedTokenSplitter(parts.added, normalizer: parts.marking.normalizer)
        marking = parts.marking
        leadingDrop = parts.leadingDrop
        prefix = parts.prefix
        suffix = parts.suffix
        beginOfSequence = parts.beginOfSequence
        endOfSequence = parts.endOfSequence
    }

    public var vocabularySize: Int { model.pieces.count }

    public func encode(_ text: String, addSpecialTokens: Bool, parseSpecial: Bool) -> [Int32] {
        var ids = addSpecialTokens ? prefix : []
        encode(text, marking, parseSpecial: parseSpecial, plainAt: [], into: &ids)
        if addSpecialTokens { ids += suffix }
        return ids
    }

    public func encode(_ text: String, plainAt offsets: Set<Int>) -> [Int32] {
        var ids: [Int32] = []
        encode(text, marking, parseSpecial: true, plainAt: offsets, into: &ids)
        return ids
    }

    public func encode(continuing text: String, parseSpecial: Bool) -> [Int32] {
        var ids: [Int32] = []
        encode(text, marking.continuing, parseSpecial: parseSpecial, plainAt: [], into: &ids)
        return ids
    }

    public func specialTokenOffsets(in text: String) -> [Int] { splitter.specialOffsets(in: text) }

    private func encode(
        _ text: String, _ marking: SpaceMarking, parseSpecial: Bool, plainAt offsets: Set<Int>, into ids: inout [Int32]
    ) {
        ids.reserveCapacity(text.utf8.count / 3 + 4)
        // Words that spell a special token come out of plain text only.
        let readsSpecial = parseSpecial && offsets.isEmpty
        mergers.withMerger { merger in
            var isFirst = true
            splitter.forEachPart(text, special: parseSpecial, plain: offsets, normalizer: marking.normalizer) { part in
                switch part {
                case .token(let token): ids.append(token)
                case .text(let range, let text):
                    if let marked = marking.marked(text.bytes[range], isFirst: isFirst) {
                        marked.withUnsafeBufferPointer { bytes in
                            model.encode(
                                0..<bytes.count, in: UTF8Text(bytes), parseSpecial: readsSpecial, merger: merger, into: &ids)
                        }
                    } else {
                        model.encode(range, in: text, parseSpecial: readsSpecial, merger: merger, into: &ids)
                    }
                }
                isFirst = false
            }
        }
    }

    public func bytes(of token: Int32) -> [UInt8] { Array(tokenBytes[Int(token)]) }

    public func openingBytes(of token: Int32) -> [UInt8] { Array(leadingDrop.opening(tokenBytes[Int(token)])) }

    public func isSpecial(_ token: Int32) -> Bool {
        token >= 0 && token < model.isSpecial.count && model.isSpecial[Int(token)]
    }

    public func token(_ piece: String) -> Int32? { model.pieces.id(of: piece) }

    public func piece(of token: Int32) -> String? {
        let piece = model.pieces[Int(token)]
        return piece.isEmpty ? nil : String(decoding: piece, as: UTF8.self)
    }
}
