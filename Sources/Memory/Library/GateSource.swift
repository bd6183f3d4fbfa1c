internal import Embeddings
internal import Synchronization

/// The gate of an encoder, which memories share. Any thread.
final class GateSource: Sendable {
    private let last = Mutex<(identity: String, gate: MemoryGate)?>(nil)

    /// Cost: the first time for an encoder, a pass over its vocabulary.
    func gate(_ encoder: EncoderEmbedder) -> MemoryGate {
        last.withLock { last in
            if let last, last.identity == encoder.identity { return last.gate }
            let gate = MemoryGate(vocabulary: WordVocabulary(encoder))
            last = (encoder.identity, gate)
            return gate
        }
    }
}
