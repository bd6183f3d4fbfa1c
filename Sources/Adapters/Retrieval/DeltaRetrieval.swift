public import Generation
public import Models

/// An adapter whose delta depends on the request: it looks up what belongs to the request's text and makes a delta of it.
///
/// Such a delta acts from the last token of the prompt on. What stands before it is computed by the base alone, so that its keys
/// and values are shared with every other request. Any thread.
public protocol DeltaRetrieval: Sendable {
    /// Bytes in memory.
    var byteCount: Int { get }
    /// Length of the vectors that it compares texts by: those of the router's encoder.
    var dimension: Int { get }

    /// What a text means; nil when nothing that it holds is meant: then the base answers, bit for bit.
    ///
    /// - Parameter encoder: makes vectors of `dimension` elements.
    /// Errors: `unavailable` when there is no memory for what was found or the encoder failed, `malformed`.
    func retrieve(_ text: String, with encoder: any TextEmbedder) throws(AdapterError) -> RetrievedDelta?
}

/// What was found for one request.
public struct RetrievedDelta: Sendable {
    public var delta: AdapterDelta
    /// Which fact, and how sure that is. Its memory's name is filled in by who asked.
    public var recall: MemoryRecall

    public init(delta: AdapterDelta, recall: MemoryRecall) {
        self.delta = delta
        self.recall = recall
    }
}
