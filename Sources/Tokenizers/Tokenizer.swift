/// Turns text into token ids and back. Implementations are thread-safe and never fail on a text.
public protocol Tokenizer: Sendable {
    /// One more than the highest id.
    var vocabularySize: Int { get }
    var beginOfSequence: Int32? { get }
    /// Tokens at which generation ends: end of sequence, end of turn.
    var endOfSequence: Set<Int32> { get }

    /// The ids of a text.
    ///
    /// - Parameters:
    ///   - addSpecialTokens: adds the tokens that the model expects around a text, such as begin-of-sequence.
    ///   - parseSpecial: reads special tokens written in the text (`<|im_end|>`) as such. When false, no special id comes out of the text;
    ///     added tokens that are not special are still found.
    /// Cost: linear in the text, and `O(n log n)` in the length of a single word.
    func encode(_ text: String, addSpecialTokens: Bool, parseSpecial: Bool) -> [Int32]

    /// The ids of a text in which special tokens are read as such, except for those that begin at one of these offsets: they are plain
    /// text, as all are when `parseSpecial` is false. Without offsets it is `encode` with `parseSpecial`.
    ///
    /// - Parameter offsets: in the text's UTF-8.
    func encode(_ text: String, plainAt offsets: Set<Int>) -> [Int32]

    /// The ids of a text that goes on another: no space is put before it. The same as `encode` without special tokens around the text,
    /// where the tokenizer puts none.
    func encode(continuing text: String, parseSpecial: Bool) -> [Int32]

    /// Offsets in the text's UTF-8 at which `encode` reads special tokens when `parseSpecial` is true.
    func specialTokenOffsets(in text: String) -> [Int]

    /// The bytes that a token stands for: possibly a part of a character. Empty for an id outside the vocabulary.
    func bytes(of token: Int32) -> [UInt8]
    /// The same where the token is the first of a text: without the space that the tokenizer puts before a text.
    func openingBytes(of token: Int32) -> [UInt8]
    func isSpecial(_ token: Int32) -> Bool
    /// The token that the vocabulary spells so, in its own alphabet (`Ġthe`, `<|im_end|>`), compared byte by byte.
    func token(_ piece: String) -> Int32?
    /// How the vocabulary spells a token; nil for an id outside the vocabulary.
    func piece(of token: Int32) -> String?

    /// The text of some tokens, without the space that the tokenizer puts before a text; bytes that are no UTF-8 become U+FFFD, one for each maximal part of a character.
    func decode(_ tokens: [Int32], skipSpecialTokens: Bool) -> String
}

extension Tokenizer {
    public func encode(continuing text: String, parseSpecial: Bool) -> [Int32] {
        encode(text, addSpecialTokens: false, parseSpecial: parseSpecial)
    }

    public func openingBytes(of token: Int32) -> [UInt8] { bytes(of: token) }

    public func decode(_ tokens: [Int32], skipSpecialTokens: Bool) -> String {
        var bytes: [UInt8] = []
        var isOpening = true
        for token in tokens where !(skipSpecialTokens && isSpecial(token)) {
            let own = self.bytes(of: token)
            bytes += isOpening ? openingBytes(of: token) : own
            if !own.isEmpty { isOpening = false }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
