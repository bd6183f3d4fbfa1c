/// The tokenizer of BERT-style encoders: normalized text, words, the longest pieces of a vocabulary.
///
/// Gives the ids of Hugging Face `tokenizers`. Immutable and thread-safe.
public final class WordPieceTokenizer: Sendable {
    private let model: WordPieceModel
    private let normalizer: BERTNormalizer?
    /// Added tokens that are looked for in the text as it is, and in the normalized text.
    private let added: AddedTokenMatcher
    private let addedNormalized: AddedTokenMatcher
    private let prefix: [Int32]
    private let suffix: [Int32]
    /// Texts are normalized in parts of about so many bytes, so that a long text is not read far beyond the cut.
    private static let partBytes = 4096

    init(
        model: WordPieceModel, normalizer: BERTNormalizer?, added: [AddedToken], prefix: [Int32], suffix: [Int32]
    ) {
        self.model = model
        self.normalizer = normalizer
        self.added = AddedTokenMatcher(added.filter { !$0.isNormalized }) { Array($0.content.utf8) }
        addedNormalized = AddedTokenMatcher(added.filter(\.isNormalized)) { token in
            var content = token.content
            return content.withUTF8 { bytes in
                var normalized: [UInt8] = []
                guard let normalizer else { return Array(bytes) }
                normalizer.normalize(0..<bytes.count, in: UTF8Text(bytes), into: &normalized)
                return normalized
            }
        }
        self.prefix = prefix
        self.suffix = suffix
    }

    public var vocabularySize: Int { model.pieces.count }

    public func token(_ piece: String) -> Int32? { model.pieces.id(of: piece) }

    /// How the vocabulary spells a token; nil for an id outside the vocabulary.
    public func piece(of token: Int32) -> String? {
        let piece = model.pieces[Int(token)]
        return piece.isEmpty ? nil : String(decoding: piece, as: UTF8.self)
    }

    /// How a token is spelled, without the mark of those that continue a word; nil for an id outside the vocabulary.
    public func spelling(of token: Int32) -> String? {
        let spelling = model.spelling(token)
        return spelling.isEmpty ? nil : String(decoding: spelling, as: UTF8.self)
    }

    /// Whether a token continues the word of the token before it.
    public func continuesWord(_ token: Int32) -> Bool { model.continues(token) }

    /// The token of words that the vocabulary cannot spell.
    public var unknownToken: Int32 { model.unknown }

    /// How many tokens `encode` puts before a text and after it.
    public var tokensAround: (before: Int, after: Int) { (prefix.count, suffix.count) }

    /// The ids of a text between those the model expects around it (`[CLS] … [SEP]`).
    ///
    /// A longer text loses its end, so that at most `maximumTokens` come out, those around it included (which always
    /// come, however small the number). Added tokens written in the text are read as such.
    /// Cost: linear in the part of the text that counts.
    public func encode(_ text: String, maximumTokens: Int) -> [Int32] {
        let room = max(0, maximumTokens - prefix.count - suffix.count)
        var ids: [Int32] = []
        var text = text
        text.withUTF8 { bytes in
            let text = UTF8Text(bytes)
            added.forEachPart(0..<bytes.count, in: text, special: true) { part in
                switch part {
                case .token(let token): ids.append(token)
                case .text(let range): encode(range, in: text, room: room, &ids)
                }
                return ids.count < room
            }
        }
        return prefix + ids.prefix(room) + suffix
    }

    /// Text between added tokens, part by part until the room is full.
    private func encode(_ range: Range<Int>, in text: UTF8Text, room: Int, _ ids: inout [Int32]) {
        guard let normalizer else { return encodeNormalized(range, in: text, &ids) }
        var start = range.lowerBound
        var normalized: [UInt8] = []
        while start < range.upperBound, ids.count < room {
            let end = addedNormalized.isEmpty ? partEnd(from: start, limit: range.upperBound, in: text) : range.upperBound
            normalized.removeAll(keepingCapacity: true)
            normalizer.normalize(start..<end, in: text, into: &normalized)
            normalized.withUnsafeBufferPointer { bytes in encodeNormalized(0..<bytes.count, in: UTF8Text(bytes), &ids) }
            start = end
        }
    }

    /// Behind an ASCII space or newline: no word and no mark reaches across it.
    private func partEnd(from start: Int, limit: Int, in text: UTF8Text) -> Int {
        var end = min(limit, start + Self.partBytes)
        while end < limit, text.bytes[end - 1] != UInt8(ascii: " "), text.bytes[end - 1] != UInt8(ascii: "\n") { end += 1 }
        return end
    }

    private func encodeNormalized(_ range: Range<Int>, in text: UTF8Text, _ ids: inout [Int32]) {
        addedNormalized.forEachPart(range, in: text, special: true) { part in
            switch part {
            case .token(let token): ids.append(token)
            case .text(let range): encodeWords(range, in: text, &ids)
            }
            return true
        }
    }

    /// White space separates words and is dropped; each punctuation character is a word.
    private func encodeWords(_ range: Range<Int>, in text: UTF8Text, _ ids: inout [Int32]) {
        var start = range.lowerBound
        var index = start
        func endWord(_ end: Int) {
            if start < end { model.encode(UnsafeBufferPointer(rebasing: text.bytes[start..<end]), into: &ids) }
        }
        while index < range.upperBound {
            let (flags, length) = text.flags(at: index)
            if flags.contains(.space) {
                endWord(index)
                start = index + length
            } else if flags.contains(.punctuationForBERT) {
                endWord(index)
                start = index
                endWord(index + length)
                start = index + length
            }
            index += length
        }
        endWord(range.upperBound)
    }
}
