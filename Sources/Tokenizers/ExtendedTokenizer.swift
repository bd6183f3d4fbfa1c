/// Another tokenizer with tokens beside its own: those that an adapter was trained with.
///
/// The added tokens are found first, in the text as it is, at each place the longest; what lies between them is the other tokenizer's.
/// Thread-safe.
public final class ExtendedTokenizer: Tokenizer {
    /// A token beside the vocabulary.
    public struct Token: Sendable, Equatable {
        public var id: Int32
        public var content: String
        /// It is no text for a client, and `parseSpecial` decides whether it is read.
        public var isSpecial: Bool
        /// Matched only where no word character is next to it.
        public var isSingleWord: Bool
        /// It includes the white space before it, or after it.
        public var stripsLeft: Bool
        public var stripsRight: Bool

        public init(
            id: Int32, content: String, isSpecial: Bool = false, isSingleWord: Bool = false, stripsLeft: Bool = false, stripsRight: Bool = false
        ) {
            (self.id, self.content, self.isSpecial) = (id, content, isSpecial)
            (self.isSingleWord, self.stripsLeft, self.stripsRight) = (isSingleWord, stripsLeft, stripsRight)
        }
    }

    public let vocabularySize: Int
    public var beginOfSequence: Int32? { base.beginOfSequence }
    public var endOfSequence: Set<Int32> { base.endOfSequence }
    private let base: any Tokenizer
    private let byID: [Int32: Token]
    private let byContent: [[UInt8]: Int32]
    private let matcher: AddedTokenMatcher
    /// What the other tokenizer puts around a text.
    private let prefix: [Int32]
    private let suffix: [Int32]

    /// - Parameters:
    ///   - tokens: of ids that `base` does not have, each once
    ///   - vocabularySize: one more than the highest id, with tokens that have no name
    public init(_ base: any Tokenizer, _ tokens: [Token], vocabularySize: Int) {
        self.base = base
        self.vocabularySize = max(base.vocabularySize, vocabularySize)
        byID = Dictionary(tokens.map { ($0.id, $0) }) { first, _ in first }
        byContent = Dictionary(tokens.map { (Array($0.content.utf8), $0.id) }) { first, _ in first }
        let added = tokens.map {
            AddedToken(
                id: $0.id, content: $0.content, singleWord: $0.isSingleWord, stripsLeft: $0.stripsLeft, stripsRight: $0.stripsRight,
                isSpecial: $0.isSpecial)
        }
        matcher = AddedTokenMatcher(added) { Array($0.content.utf8) }
        let plain = base.encode("a", addSpecialTokens: false, parseSpecial: false)
        let whole = base.encode("a", addSpecialTokens: true, parseSpecial: false)
        let start = whole.indices.first { whole[$0...].starts(with: plain) } ?? 0
        (prefix, suffix) = (Array(whole[..<start]), Array(whole[(start + plain.count)...]))
    }

    public func encode(_ text: String, addSpecialTokens: Bool, parseSpecial: Bool) -> [Int32] {
        var isFirst = true
        let ids = encode(text, special: parseSpecial, plain: []) { part, _ in
            defer { isFirst = false }
            return isFirst
                ? base.encode(part, addSpecialTokens: false, parseSpecial: parseSpecial) : base.encode(continuing: part, parseSpecial: parseSpecial)
        }
        return addSpecialTokens ? prefix + ids + suffix : ids
    }

    public func encode(_ text: String, plainAt offsets: Set<Int>) -> [Int32] {
        encode(text, special: true, plain: offsets) { part, range in
            base.encode(part, plainAt: Set(offsets.filter(range.contains).map { $0 - range.lowerBound }))
        }
    }

    public func encode(continuing text: String, parseSpecial: Bool) -> [Int32] {
        encode(text, special: parseSpecial, plain: []) { part, _ in base.encode(continuing: part, parseSpecial: parseSpecial) }
    }

    /// `between` encodes a part without added tokens.
    private func encode(_ text: String, special: Bool, plain: Set<Int>, _ between: (String, Range<Int>) -> [Int32]) -> [Int32] {
        var (text, ids) = (text, [Int32]())
        _ = text.withUTF8 { bytes in
            matcher.forEachPart(0..<bytes.count, in: UTF8Text(bytes), special: special, plain: plain) { part in
                switch part {
                case .token(let id): ids.append(id)
                case .text(let range):
                    ids += between(String(decoding: UnsafeBufferPointer(rebasing: bytes[range]), as: UTF8.self), range)
                }
                return true
            }
        }
        return ids
    }

    public func specialTokenOffsets(in text: String) -> [Int] {
        var copy = text
        let own = copy.withUTF8 { matcher.specialOffsets(in: UTF8Text($0)) }
        return Set(base.specialTokenOffsets(in: text) + own).sorted()
    }

    public func bytes(of token: Int32) -> [UInt8] { byID[token].map { Array($0.content.utf8) } ?? base.bytes(of: token) }
    public func openingBytes(of token: Int32) -> [UInt8] { byID[token].map { Array($0.content.utf8) } ?? base.openingBytes(of: token) }
    public func isSpecial(_ token: Int32) -> Bool { byID[token].map(\.isSpecial) ?? base.isSpecial(token) }
    public func token(_ piece: String) -> Int32? { byContent[Array(piece.utf8)] ?? base.token(piece) }
    public func piece(of token: Int32) -> String? { byID[token]?.content ?? base.piece(of: token) }
}
