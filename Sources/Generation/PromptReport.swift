/// A prompt as the model reads it.
public struct PromptReport: Sendable {
    public var tokens: [Int32]
    /// What each token stands for.
    public var bytes: [[UInt8]]
    /// Of each token, before bias and penalties, where they are asked for, else empty. The first token has none.
    public var logprobs: [TokenLogprob?]
    /// What a chat template wrote; nil where none did. The text of the tokens may differ from it by what a tokenizer adds or drops.
    public var rendered: String?

    public init(tokens: [Int32], bytes: [[UInt8]], logprobs: [TokenLogprob?] = []) {
        self.tokens = tokens
        self.bytes = bytes
        self.logprobs = logprobs
    }

    public var text: String { String(decoding: bytes.joined(), as: UTF8.self) }
}
