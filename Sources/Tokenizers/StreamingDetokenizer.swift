/// Turns a stream of tokens into whole characters: bytes that may still become a character are held back.
///
/// All texts that come out, joined, equal `Tokenizer.decode` of all tokens.
public struct StreamingDetokenizer: Sendable {
    private let tokenizer: any Tokenizer
    private let skipSpecialTokens: Bool
    private let visible: Set<Int32>
    private var characters = UTF8Assembler()

    /// - Parameter visible: special tokens that are not skipped.
    public init(_ tokenizer: any Tokenizer, skipSpecialTokens: Bool = true, visible: Set<Int32> = []) {
        self.tokenizer = tokenizer
        self.skipSpecialTokens = skipSpecialTokens
        self.visible = visible
    }

    /// The whole characters that this token completes, often none.
    public mutating func append(_ token: Int32) -> String {
        if skipSpecialTokens && tokenizer.isSpecial(token) && !visible.contains(token) { return "" }
        return characters.append(tokenizer.bytes(of: token))
    }

    /// The held-back text: U+FFFD for a character that was not completed, otherwise nothing.
    public mutating func finish() -> String { characters.finish() }
}
