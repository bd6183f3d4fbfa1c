public import Models

/// What an embedder needs from an encoder: the hidden states of the last layer, and means of earlier layers. Thread-safe.
public protocol HiddenStateSource: Sendable {
    /// The number of elements of a hidden state.
    var hiddenSize: Int { get }
    /// The longest text in tokens, special tokens included.
    var mostTokens: Int { get }

    /// Calls `body` once for each text, in any order, with the text's number and its states, which are borrowed until `body` returns.
    func hiddenStates(of texts: [[Int32]], _ body: (_ text: Int, _ encoded: EncodedText) -> Void) throws
}
