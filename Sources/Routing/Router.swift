import Generation
internal import Synchronization
internal import Tensors

/// Picks the single best adapter for a text.
///
/// Any thread may call it, off the loop and the engine (`decide` runs the encoder). The index is an immutable snapshot
/// behind a lock that is held for a copy of a reference; `update` builds the next one beside it.
public final class Router: Sendable {
    public let policy: RoutePolicy
    public let limits: RoutingLimits
    private let embedder: any TextEmbedder
    /// Of a cheaper encoder: asked first, and believed where it is sure.
    private let first: Router?
    private let cache: VectorCache?
    private let snapshot: Mutex<RouteIndex>
    /// One update at a time, so that two cannot overwrite each other's result.
    private let updating = Mutex(())

    /// - Parameters:
    ///   - first: of a cheaper encoder, kept in step with this one: a cascade.
    ///   - cacheFolder: where embedded examples are kept by content; nil keeps none. Its parent must exist.
    public init(
        embedder: any TextEmbedder, policy: RoutePolicy = .init(), limits: RoutingLimits = .init(),
        first: Router? = nil, cacheFolder: String? = nil
    ) {
        self.embedder = embedder
        self.first = first
        self.policy = policy
        self.limits = limits
        cache = cacheFolder.map(VectorCache.init)
        snapshot = Mutex(RouteIndex(entries: [], neighbours: policy.neighbours))
    }

    /// The longest text that the encoder takes whole.
    public var encoderTokens: Int { embedder.maxTokens }

    /// Names of the adapters that the router can choose, sorted.
    public var routableAdapters: [String] {
        snapshot.withLock { $0 }.entries.map(\.definition.adapter)
    }

    /// Replaces the whole set of definitions; embeds only texts that neither the last index nor the cache has.
    ///
    /// Disabled definitions and ones without texts are left out. Throws `embedderFailed` and keeps the last index.
    /// - Parameters:
    ///   - negatives: texts that no adapter should answer, beside the general ones.
    ///   - progress: told now and then how many of how many new texts are embedded, on this thread.
    /// - Returns: newcomers most of whose texts went to another adapter before.
    @discardableResult
    public func update(
        _ definitions: [RouteDefinition], negatives: [String] = [], progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) throws(RoutingError) -> [RouteClaim] {
        let result: Result<[RouteClaim], RoutingError> = updating.withLock { _ in
            Result { () throws(RoutingError) in
                // A text that only one of the two knows is decided by it, or by the base: never wrongly.
                try first?.update(definitions, negatives: negatives)
                return try rebuild(definitions, negatives, progress)
            }
        }
        return try result.get()
    }

    private func rebuild(
        _ definitions: [RouteDefinition], _ negatives: [String], _ progress: (Int, Int) -> Void
    ) throws(RoutingError) -> [RouteClaim] {
        let last = snapshot.withLock { $0 }
        let known = Dictionary(
            last.entries.map { ($0.definition.adapter, $0.examples) }, uniquingKeysWith: { first, _ in first })
        let routable = definitions.filter { $0.isEnabled && !$0.indexedTexts.isEmpty }.sorted { $0.adapter < $1.adapter }
        let found = Parallel.map(routable, piece: 4) { definition in
            let texts = definition.indexedTexts
            if let same = known[definition.adapter], same.texts == texts { return ExampleVectors?.some(same) }
            return cached(texts)
        }
        let total = zip(routable, found).reduce(0) { $0 + ($1.1 == nil ? $1.0.indexedTexts.count : 0) }
        var done = 0
        var entries: [RouteIndex.Entry] = []
        for (definition, examples) in zip(routable, found) {
            if let examples {
                entries.append(.init(definition: definition, examples: examples))
            } else {
                entries.append(.init(definition: definition, examples: try embedded(definition.indexedTexts)))
                done += definition.indexedTexts.count
                progress(done, total)
            }
        }
        let general = BackgroundTexts.all + negatives
        let background = if let known = cached(general) { known } else { try embedded(general) }
        var next = RouteIndex(
            entries: entries, negatives: background, neighbours: policy.neighbours, distanceRange: embedder.distanceRange,
            previous: last.sums, cache: cache.map { RuleCache(folder: $0.folder, identity: embedder.identity) })
        if policy.mendsSpelling {
            next.spelling = Spelling(examples: entries.lazy.flatMap(\.examples.texts), rank: { [embedder] in embedder.rank(ofWord: $0) })
        }
        snapshot.withLock { $0 = next }
        return next.claims(before: last, threshold: policy.threshold)
    }

    private func cached(_ texts: [String]) -> ExampleVectors? {
        cache?.load(
            texts: texts, encoder: embedder.identity, dimension: embedder.dimension, featureDimension: embedder.featureDimension)
    }

    private func embedded(_ texts: [String]) throws(RoutingError) -> ExampleVectors {
        let found: TextFeatures
        do {
            found = try embedder.features(of: texts)
        } catch {
            throw RoutingError(.embedderFailed, "could not embed \(texts.count) examples: \(error)")
        }
        let examples = ExampleVectors(
            texts: texts, vectors: found.vectors, dimension: embedder.dimension, features: found.features,
            featureDimension: embedder.featureDimension)
        cache?.store(examples, encoder: embedder.identity)
        // The mapped copy takes no memory of its own.
        return cached(texts) ?? examples
    }

    /// What is known now.
    var current: RouteIndex { snapshot.withLock { $0 } }

    /// `[texts, dimension]`, unit rows.
    func unitVectors(_ texts: [String]) throws(RoutingError) -> [Float] {
        do {
            return try embedder.embed(texts).vectors
        } catch {
            throw RoutingError(.embedderFailed, "could not embed the text: \(error)")
        }
    }

    /// Decides for one text. Throws `unknownCandidate` for a candidate that is not routable, `embedderFailed` otherwise.
    public func decide(_ query: RouteQuery) throws(RoutingError) -> RouteDecision {
        guard let first else { return try decideAlone(query) }
        var quick = try first.decideAlone(query)
        let isSure = ((quick.route == .matched ? quick.probability : quick.noneProbability) ?? 0) >= policy.surety
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
        let index = snapshot.withLock { $0 }
        if let missing = query.candidates?.first(where: { name in
            !index.entries.contains { $0.definition.adapter == name }
        }) {
            throw RoutingError(.unknownCandidate, "`\(missing)` is not an adapter that the router can choose")
        }
        let text = Self.bounded(query.text, bytes: limits.queryBytes)
        guard !index.entries.isEmpty, text.contains(where: { !$0.isWhitespace }) else {
            return .fallback(
                reason: index.entries.isEmpty ? "no adapter has routing data" : "there is no text to route",
                text: text, encoder: embedder.name)
        }
        let mended = index.spelling?.mended(text)
        let embedded: TextFeatures
        do {
            embedded = try embedder.features(of: [mended ?? text])
        } catch {
            throw RoutingError(.embedderFailed, "could not embed the text: \(error)")
        }
        let searchStart = clock.now
        var decision = decide(query, mended ?? text, index, embedded)
        if mended != nil { decision.original = text }
        let end = clock.now
        decision.timings.tokenizeMicroseconds = embedded.tokenizeMicroseconds
        decision.timings.embedMicroseconds = embedded.embedMicroseconds
        decision.timings.searchMicroseconds = (end - searchStart) / .microseconds(1)
        decision.timings.totalMicroseconds = (end - start) / .microseconds(1)
        return decision
    }

    /// The same for a text that is embedded already.
    ///
    /// - Parameter embedded: one text's, of this router's encoder.
    public func decide(_ query: RouteQuery, embedded: TextFeatures) -> RouteDecision {
        decide(query, query.text, snapshot.withLock { $0 }, embedded)
    }

    private func decide(_ query: RouteQuery, _ text: String, _ index: RouteIndex, _ embedded: TextFeatures) -> RouteDecision {
        let allowed = query.candidates.map(Set.init)
        let judgement = embedded.features.withUnsafeBufferPointer { features in
            embedded.vectors.withUnsafeBufferPointer { vector in
                index.judge(features: features, vector: vector, top: query.top) {
                    allowed?.contains(index.entries[$0].definition.adapter) ?? true
                }
            }
        }
        return Decider(index: index, policy: policy).decide(judgement, query: query, text: text, encoder: embedder.name)
    }

    /// Pairs of adapters whose examples are nearly the same, most similar first: the router can't tell them apart.
    ///
    /// The figure is the cosine between the adapters' mean vectors. `O(adapters^2 * dimension)`, or for the pairs of some adapters
    /// `O(some * adapters * dimension)`.
    public func overlaps(of some: Set<String>? = nil) -> [(first: String, second: String, similarity: Float)] {
        let index = snapshot.withLock { $0 }
        var pairs: [(first: String, second: String, similarity: Float)] = []
        for (first, entry) in index.entries.enumerated() where some?.contains(entry.definition.adapter) ?? true {
            for second in index.likes(of: first) {
                let other = index.entries[second].definition.adapter
                // A pair of two that are looked for comes once.
                if second < first, some?.contains(other) ?? true { continue }
                pairs.append((entry.definition.adapter, other, index.likeness(first, second)))
            }
        }
        return pairs.sorted { ($0.similarity, $1.first) > ($1.similarity, $0.first) }
    }

    /// What the examples of the index say of themselves and each other; see `RouteDoctor`. Three seconds for 15,000 examples.
    ///
    /// - Parameter progress: told now and then how many of how many examples were looked at.
    public func diagnoses(progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }) -> [RouteDiagnosis] {
        RouteDoctor(index: snapshot.withLock { $0 }, policy: policy, encoderTokens: embedder.maxTokens).diagnoses(progress: progress)
    }

    /// The start of a text within a byte budget, cut between characters.
    private static func bounded(_ text: String, bytes: Int) -> String {
        guard text.utf8.count > bytes else { return text }
        var end = text.utf8.index(text.startIndex, offsetBy: bytes)
        while String.Index(end, within: text) == nil { text.utf8.formIndex(before: &end) }
        return String(text[..<end])
    }
}
