/// Byte-level BPE (GPT-2, section 2.2, and its descendants): the text is cut into words, and the bytes of each word are
/// merged pair by pair in the order of the vocabulary's merges.
///
/// Gives the ids of Hugging Face `tokenizers`. Thread-safe; calls do not wait for each other.
public final class BytePairTokenizer: Tokenizer {
    public let beginOfSequence: Int32?
    public let endOfSequence: Set<Int32>

    private let model: BytePairModel
    private let tokenBytes: ByteStrings
    private let preTokenizer: PreTokenizer
    private let splitter: AddedTokenSplitter
    private let prefix: [Int32]
    private let suffix: [Int32]
    private let mergers = WordMergers()

    init(_ parts: BytePairParts) throws(TokenizerError) {
        model = try parts.model()
        tokenBytes = parts.tokenBytes()
        preTokenizer = parts.preTokenizer
        splitter = AddedTokenSplitter(parts.added, normalizer: parts.normalizer)
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
                    preTokenizer.forEachWord(range, in: text) { word in
                        model.encode(
                            UnsafeBufferPointer(rebasing: text.bytes[word]), parseSpecial: readsSpecial, merger: merger, into: &ids)
                    }
                }
            }
        }
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
