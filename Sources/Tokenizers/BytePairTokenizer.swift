import Synchronization

/// Byte-level BPE (GPT-2, section 2.2, and its descendants): the text is cut into words, and the bytes of each word are
/// merged pair by pair in the order of the vocabulary's merges.
///
/// Equal to Hugging Face `tokenizers` in what it produces. Thread-safe; calls do not wait for each other.
public final class BytePairTokenizer: Tokenizer {
    public let beginOfSequence: Int32?
    public let endOfSequence: Set<Int32>

    private let model: BytePairModel
    private let tokenBytes: ByteStrings
    private let preTokenizer: PreTokenizer
    private let normalizer: Normalizer
    /// Added tokens that are looked for in the text as it is, and in the normalized text.
    private let added: AddedTokenMatcher
    private let addedNormalized: AddedTokenMatcher
    private let prefix: [Int32]
    private let suffix: [Int32]
    /// Idle mergers, each with its cache; as many as calls ran at once, at most `keptMergers`.
    private let mergers = Mutex<[WordMerger]>([])
    private static let keptMergers = 4

    init(_ parts: BytePairParts) throws(TokenizerError) {
        model = try parts.model()
        tokenBytes = parts.tokenBytes()
        preTokenizer = parts.preTokenizer
        normalizer = parts.normalizer
        added = AddedTokenMatcher(parts.added.filter { !$0.isNormalized }) { Array($0.content.utf8) }
        addedNormalized = AddedTokenMatcher(parts.added.filter(\.isNormalized)) { token in
            parts.normalizer.normalize(token.content)
        }
        prefix = parts.prefix
        suffix = parts.suffix
        beginOfSequence = parts.beginOfSequence
        endOfSequence = parts.endOfSequence
    }

    public var vocabularySize: Int { model.pieces.count }

    public func encode(_ text: String, addSpecialTokens: Bool, parseSpecial: Bool) -> [Int32] {
        let merger = mergers.withLock { $0.popLast() } ?? WordMerger()
        defer {
            if merger.isSmall {
                mergers.withLock { if $0.count < Self.keptMergers { $0.append(merger) } }
            }
        }
        var ids = addSpecialTokens ? prefix : []
        ids.reserveCapacity(text.utf8.count / 3 + 4)
        var text = text
        text.withUTF8 { bytes in
            let text = UTF8Text(bytes)
            added.forEachPart(0..<bytes.count, in: text, special: parseSpecial) { part in
                switch part {
                case .token(let token): ids.append(token)
                case .text(let range): encode(range, in: text, parseSpecial: parseSpecial, merger, &ids)
                }
                return true
            }
        }
        if addSpecialTokens { ids += suffix }
        return ids
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

    /// Text between added tokens: normalized, searched for the other added tokens, merged.
    private func encode(
        _ range: Range<Int>, in text: UTF8Text, parseSpecial: Bool, _ merger: WordMerger, _ ids: inout [Int32]
    ) {
        if let normalized = normalizer.normalize(range, in: text) {
            normalized.withUnsafeBufferPointer { bytes in
                encodeNormalized(0..<bytes.count, in: UTF8Text(bytes), parseSpecial: parseSpecial, merger, &ids)
            }
        } else {
            encodeNormalized(range, in: text, parseSpecial: parseSpecial, merger, &ids)
        }
    }

    private func encodeNormalized(
        _ range: Range<Int>, in text: UTF8Text, parseSpecial: Bool, _ merger: WordMerger, _ ids: inout [Int32]
    ) {
        addedNormalized.forEachPart(range, in: text, special: parseSpecial) { part in
            switch part {
            case .token(let token):
                ids.append(token)
            case .text(let range):
                preTokenizer.forEachWord(range, in: text) { word in
                    model.encode(
                        UnsafeBufferPointer(rebasing: text.bytes[word]), parseSpecial: parseSpecial, merger: merger,
                        into: &ids)
                }
            }
            return true
        }
    }
}
