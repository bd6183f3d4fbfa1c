public import Models

/// What an embedder needs of an encoder: the hidden states of the last layer, and means of earlier ones. Thread-safe.
public protocol HiddenStateSource: Sendable {
    /// Elements of a hidden state.
    var hiddenSize: Int { get }
    /// The longest text, special tokens included.
    var mostTokens: Int { get }

    /// Calls `body` once for each text, in any order, with its number and what the encoder makes of it, borrowed until `body`
    /// returns.
    func hiddenStates(of texts: [[Int32]], _ body: (_ text: Int, _ encoded: EncodedText) -> Void) throws
}
