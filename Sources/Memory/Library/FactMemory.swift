public import Adapters
internal import Dispatch
internal import Embeddings
public import Generation
internal import Models
internal import Synchronization

/// A memory that is open: asked by requests, and told by one process.
///
/// The first process that opens a folder may write into it. Others read what was there when they opened it.
///
/// Isolation: any thread. Asking never waits for telling.
public final class FactMemory: DeltaRetrieval {
    public let folder: String
    let configuration: DecoderConfiguration
    private let source: Source
    private let gates: GateSource
    private let settings: Mutex<MemorySettings>
    /// Left when this memory is closed, and another one may write.
    let open = DispatchGroup()

    private enum Source: Sendable {
        case writable(MemoryStore)
        /// And why it cannot be written.
        case readable(MemorySnapshot, MemoryError)
    }

    /// Errors: `notFound`, `mismatched` for another base, `malformed`, `unavailable`.
    init(
        _ folder: String, baseIdentity: String, configuration: DecoderConfiguration, gates: GateSource
    ) throws(MemoryError) {
        let found = try MemorySnapshot.read(folder)
        guard found.identity.base == baseIdentity else {
            throw MemoryError(
                .mismatched, "the memory is of the base \(found.identity.base), this one is \(baseIdentity)", place: folder)
        }
        (self.folder, self.configuration, self.gates) = (folder, configuration, gates)
        settings = Mutex(try MemoryFolder.settings(folder))
        do throws(MemoryError) {
            source = .writable(try MemoryStore(folder, identity: found.identity))
        } catch where error.code == .unavailable {
            source = .readable(found, error)
        }
        open.enter()
    }

    deinit {
        if case .writable(let store) = source { store.close() }
        open.leave()
    }

    /// What it holds now.
    public var snapshot: MemorySnapshot {
        switch source {
        case .writable(let store): store.snapshot
        case .readable(let snapshot, _): snapshot
        }
    }

    /// Errors: `unavailable` when another process writes into it.
    func store() throws(MemoryError) -> MemoryStore {
        switch source {
        case .writable(let store): return store
        case .readable(_, let reason): throw reason
        }
    }

    /// They answer no more when it returns. Their bytes leave the files with the next compaction. Errors: `notFound`, `full`, `unavailable`.
    ///
    /// - Parameter erases: their bytes leave the files now.
    public func forget(_ ids: [Fact.ID], erases: Bool = false) throws(MemoryError) {
        let store = try store()
        try store.forget(ids)
        if erases || store.isCompactionDue { try store.compact(force: erases) }
    }

    public var byteCount: Int {
        let keys = snapshot.keys
        return keys.count * (keys.dimension + 16)
    }

    public var dimension: Int { snapshot.identity.dimension }

    // MARK: Asking

    /// Whether a text means a fact, and which others it came near to. Cost: one text through the encoder, and under a millisecond; where it
    /// means none and has terms with synonyms, that for up to four further texts.
    /// Errors: `mismatched` for another encoder than the one that made the keys, `malformed`, `unavailable`.
    public func decide(_ text: String, with encoder: any TextEmbedder) throws(MemoryError) -> GateDecision {
        try decide(text, with: encoder, in: snapshot)
    }

    func decide(_ text: String, with encoder: any TextEmbedder, in snapshot: MemorySnapshot) throws(MemoryError) -> GateDecision {
        let (gate, settings) = (try gate(encoder), settings.withLock { $0 })
        let decision = try gate.decide(text, try key(of: text, with: encoder), in: snapshot, threshold: settings.threshold)
        if decision.fact != nil { return decision }
        // In other words it may mean one.
        let others = settings.synonyms.wordings(of: text, most: WordingRules.most)
        guard !others.isEmpty else { return decision }
        var best = decision
        for (other, key) in zip(others, try keys(of: others, with: encoder)) {
            var found = try gate.decide(other, key, in: snapshot, threshold: settings.threshold)
            guard found.fact != nil, best.fact == nil || found.score ?? -.infinity > best.score ?? -.infinity else { continue }
            found.readAs = other
            best = found
        }
        return best
    }

    /// From the next question on.
    func use(_ settings: MemorySettings) { self.settings.withLock { $0 = settings } }

    /// Errors: `mismatched` for an encoder that does not show its word pieces or is another one.
    func key(of text: String, with encoder: any TextEmbedder) throws(MemoryError) -> FactKey {
        guard let key = try keys(of: [text], with: encoder).first else { throw MemoryError(.unavailable, "the encoder gave nothing") }
        return key
    }

    func keys(of texts: [String], with encoder: any TextEmbedder) throws(MemoryError) -> [FactKey] {
        let encoder = try checked(encoder)
        do {
            return try encoder.pieces(of: texts).map { FactKey($0) }
        } catch {
            throw MemoryError(.unavailable, "the encoder failed: \(error)")
        }
    }

    func gate(_ encoder: any TextEmbedder) throws(MemoryError) -> MemoryGate { gates.gate(try checked(encoder)) }

    private func checked(_ encoder: any TextEmbedder) throws(MemoryError) -> EncoderEmbedder {
        guard let network = encoder as? EncoderEmbedder else {
            throw MemoryError(.mismatched, "a memory needs an encoder with word pieces, such as models/encoder; \(encoder.name) has none", place: folder)
        }
        let identity = snapshot.identity.encoder
        guard network.identity == identity else {
            throw MemoryError(
                .mismatched, "the memory was written with the encoder \(identity), this one is \(network.identity): tell it again with `lmoe memory export` and `lmoe remember --file`",
                place: folder)
        }
        return network
    }

    public func retrieve(_ text: String, with encoder: any TextEmbedder) throws(AdapterError) -> RetrievedDelta? {
        do throws(MemoryError) {
            let snapshot = snapshot
            guard snapshot.count > 0 else { return nil }
            let decision = try decide(text, with: encoder, in: snapshot)
            guard let id = decision.fact, let score = decision.score, let experts = snapshot.experts(of: id) else { return nil }
            let recall = MemoryRecall(
                memory: "", fact: id, question: try snapshot.fact(id)?.question, score: Double(score), threshold: Double(decision.threshold),
                margin: decision.margin.map(Double.init))
            return RetrievedDelta(delta: try experts.read().delta(for: configuration), recall: recall)
        } catch {
            throw AdapterError(error)
        }
    }
}
