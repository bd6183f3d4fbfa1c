public import Models

/// An adapter whose delta depends on the request: it looks up what belongs to the request's text and makes a delta of it.
///
/// Such a delta acts from the last token of the prompt on. What stands before it is computed by the base alone, so that its keys
/// and values are shared with every other request. Any thread.
public protocol DeltaRetrieval: Sendable {
    /// Bytes in memory.
    var byteCount: Int { get }
    /// Length of the query vectors, which are those of the router's encoder.
    var dimension: Int { get }

    /// For a unit vector `[dimension]`; nil when nothing that it holds is meant: then the base answers, bit for bit.
    /// Errors: `unavailable` when there is no memory for what was found, `malformed`.
    func retrieve(_ query: [Float]) throws(AdapterError) -> RetrievedDelta?
}

/// What was found for one request.
public struct RetrievedDelta: Sendable {
    public var delta: AdapterDelta
    /// Which record: its row in the adapter's file.
    public var record: Int
    /// Cosine of the query and the record's key.
    public var similarity: Float

    public init(delta: AdapterDelta, record: Int, similarity: Float) {
        self.delta = delta
        self.record = record
        self.similarity = similarity
    }
}
