/// Turns a stream of tokens into whole characters: bytes that may still become a character are held back.
///
/// All texts that come out, joined, equal `Tokenizer.decode` of all tokens, unless they continue a text.
public struct StreamingDetokenizer: Sendable {
    private let tokenizer: any Tokenizer
    private let skipSpecialTokens: Bool
    private let visible: Set<Int32>
    private var characters = UTF8Assembler()
    /// No bytes have come.
    private var isOpening: Bool

    /// - Parameters:
    ///   - visible: special tokens that are not skipped.
    ///   - continuesText: the tokens go on a text, so a space at their beginning is one of it.
    public init(
        _ tokenizer: any Tokenizer, skipSpecialTokens: Bool = true, visible: Set<Int32> = [], continuesText: Bool = false
    ) {
        isOpening = !continuesText
        self.tokenizer = tokenizer
        self.skipSpecialTokens = skipSpecialTokens
        self.visible = visible
    }

    /// The whole characters that this token completes, often none.
    public mutating func append(_ token: Int32) -> String {
        if skipSpecialTokens && tokenizer.isSpecial(token) && !visible.contains(token) { return "" }
        let bytes = tokenizer.bytes(of: token)
        guard isOpening else { return characters.append(bytes) }
        if !bytes.isEmpty { isOpening = false }
        return characters.append(tokenizer.openingBytes(of: token))
    }

    /// The held-back text: U+FFFD for a character that was not completed, otherwise nothing.
    public mutating func finish() -> String { characters.finish() }
}
