/// What an embedder needs of an encoder: the hidden states of the last layer. Thread-safe.
public protocol HiddenStateSource: Sendable {
    /// Elements of a hidden state.
    var hiddenSize: Int { get }
    /// The longest text, special tokens included.
    var mostTokens: Int { get }

    /// Calls `body` once for each text, in any order, with its number and its hidden states `[tokens, hiddenSize]`, f32,
    /// row-major, borrowed until `body` returns.
    func hiddenStates(of texts: [[Int32]], _ body: (_ text: Int, _ states: UnsafeBufferPointer<Float>) -> Void) throws
}
