import Generation
internal import Synchronization
internal import Tensors

/// Picks the single best adapter for a text.
///
/// Any thread may call it except the loop and the engine (`decide` runs the encoder). The index is an immutable snapshot behind a lock
/// that is held while a reference is copied; `update` builds the next index beside it, and readers never wait for that.
public final class Router: Sendable {
    public let policy: RoutePolicy
    public let limits: RoutingLimits
    let embedder: any TextEmbedder
    /// The router of a cheaper encoder: it is asked first, and its decision stands where it is confident.
    let first: Router?
    let cache: ExampleCache?
    let snapshot: Mutex<RouteIndex>
    /// Held by an update, so that two cannot overwrite each other's result. Only updates take it.
    let updating = Mutex(())

    /// - Parameters:
    ///   - first: the router of a cheaper encoder, kept in step with this one: a cascade.
    ///   - cacheFolder: where embedded examples are kept by content; it is created when it is missing. Nil keeps none.
    public init(
        embedder: any TextEmbedder, policy: RoutePolicy = .init(), limits: RoutingLimits = .init(),
        first: Router? = nil, cacheFolder: String? = nil
    ) {
        self.embedder = embedder
        self.first = first
        self.policy = policy
        self.limits = limits
        cache = cacheFolder.map { ExampleCache(folder: $0, embedder: embedder) }
        snapshot = Mutex(RouteIndex(entries: [], neighbours: policy.neighbours))
    }

    /// The longest text that the encoder takes whole.
    public var encoderTokens: Int { embedder.maxTokens }

    /// Names of the adapters that the router can choose, sorted.
    public var routableAdapters: [String] { current.entries.map(\.definition.adapter) }

    /// Why embedded examples could not be kept or read back at the last update; nil when they were, or when there is no cache.
    public var cacheProblem: String? { cache?.problem ?? first?.cacheProblem }

    /// The index in use.
    var current: RouteIndex { snapshot.withLock { $0 } }

    /// `[texts, dimension]`, unit rows.
    func unitVectors(_ texts: [String]) throws(RoutingError) -> [Float] {
        do {
            return try embedder.embed(texts).vectors
        } catch {
            throw RoutingError(.embedderFailed, "could not embed the text: \(error)")
        }
    }

    /// Decides for one text. Errors: `unknownCandidate` for a candidate that the router cannot choose, `embedderFailed`.
    public func decide(_ query: RouteQuery) throws(RoutingError) -> RouteDecision {
        guard let first else { return try decideAlone(query) }
        var quick = try first.decideAlone(query)
        let isSure = ((quick.route == .matched ? quick.probability : quick.noneProbability) ?? 0) >= policy.confidence
        let opinion = RouteNotes.FirstOpinion(
            encoder: quick.encoder, adapter: quick.candidates.first?.adapter, probability: quick.candidates.first?.probability,
            isSure: isSure, microseconds: quick.timings.totalMicroseconds)
        if isSure {
            quick.notes.first = opinion
            return quick
        }
        var decision = try decideAlone(query)
        decision.notes.first = opinion
        decision.timings.totalMicroseconds += quick.timings.totalMicroseconds
        return decision
    }

    private func decideAlone(_ query: RouteQuery) throws(RoutingError) -> RouteDecision {
        let clock = ContinuousClock()
        let start = clock.now
        let index = current
        if let unknown = query.candidates?.first(where: { index.position(of: $0) == nil }) {
            throw RoutingError(.unknownCandidate, "`\(TextScan.prefix(unknown[...], bytes: RouteIndex.longestName))` is not an adapter that the router can choose")
        }
        let text = String(TextScan.prefix(query.text[...], bytes: limits.queryBytes))
        guard !index.entries.isEmpty, !TextScan.isBlank(text) else {
            return .fallback(
                reason: index.entries.isEmpty ? "no adapter has routing data" : "there is no text to route",
                text: text, encoder: embedder.name)
        }
        let corrected = index.spelling?.corrected(text)
        let embedded: TextFeatures
        do {
            embedded = try embedder.features(of: [corrected ?? text])
        } catch {
            throw RoutingError(.embedderFailed, "could not embed the text: \(error)")
        }
        let searchStart = clock.now
        var judgement = judge(query, index, embedded)
        var judged = index
        for _ in 0..<Self.mostRepairs {
            let damaged = judged.damaged(judgement)
            if damaged.isEmpty { break }
            judged = try repair(damaged, of: judged)
            judgement = judge(query, judged, embedded)
        }
        var decision = decider(judged).decide(judgement, query: query, text: corrected ?? text, encoder: embedder.name)
        if corrected != nil { decision.original = text }
        let end = clock.now
        decision.timings.tokenizeMicroseconds = embedded.tokenizeMicroseconds
        decision.timings.embedMicroseconds = embedded.embedMicroseconds
        decision.timings.searchMicroseconds = (end - searchStart) / .microseconds(1)
        decision.timings.totalMicroseconds = (end - start) / .microseconds(1)
        return decision
    }

    /// Decides for a text that is embedded already.
    ///
    /// - Parameter embedded: one text's, of this router's encoder.
    public func decide(_ query: RouteQuery, embedded: TextFeatures) -> RouteDecision {
        let index = current
        return decider(index).decide(judge(query, index, embedded), query: query, text: query.text, encoder: embedder.name)
    }

    /// How often entries whose file became shorter are embedded again for one decision.
    private static let mostRepairs = 2

    private func decider(_ index: RouteIndex) -> Decider { Decider(index: index, policy: policy) }

    private func judge(_ query: RouteQuery, _ index: RouteIndex, _ embedded: TextFeatures) -> RouteIndex.Judgement {
        let allowed = query.candidates.map(index.selection)
        return embedded.features.withUnsafeBufferPointer { features in
            embedded.vectors.withUnsafeBufferPointer { vector in
                index.judge(features: features, vector: vector, top: query.top) { allowed?[$0] ?? true }
            }
        }
    }

    /// Pairs of adapters whose examples are nearly the same, most similar first: the router cannot tell them apart.
    ///
    /// The figure is the cosine between the adapters' mean vectors. `O(adapters^2 * dimension)`, or for the pairs of some adapters
    /// `O(some * adapters * dimension)`.
    public func overlaps(of some: Set<String>? = nil) -> [(first: String, second: String, similarity: Float)] {
        let index = current
        var pairs: [(first: String, second: String, similarity: Float)] = []
        for (first, entry) in index.entries.enumerated() where some?.contains(entry.definition.adapter) ?? true {
            for second in index.likes(of: first) {
                let other = index.entries[second].definition.adapter
                // A pair within `some` is listed once.
                if second < first, some?.contains(other) ?? true { continue }
                pairs.append((entry.definition.adapter, other, index.likeness(first, second)))
            }
        }
        return pairs.sorted { ($0.similarity, $1.first) > ($1.similarity, $0.first) }
    }

    /// What the examples of the index show about themselves and each other; see `RouteDoctor`. Three seconds for 15,000 examples.
    ///
    /// - Parameter progress: called now and then with the number of examples that were looked at, and of all.
    public func diagnoses(progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }) -> [RouteDiagnosis] {
        RouteDoctor(index: current, policy: policy, encoderTokens: embedder.maxTokens).diagnoses(progress: progress)
    }
}
