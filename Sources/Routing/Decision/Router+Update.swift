import Generation
internal import Synchronization
internal import Tensors

extension Router {
    /// Replaces the whole set of definitions; embeds only texts that neither the last index nor the cache has.
    ///
    /// Disabled definitions and ones without texts are left out. Throws `embedderFailed` and keeps the last index.
    /// - Parameters:
    ///   - negatives: texts that no adapter should answer, beside the general ones.
    ///   - progress: called now and then on this thread with the number of new texts that are embedded, and of all new ones.
    /// - Returns: new adapters most of whose texts went to another adapter before.
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
        cache?.begin()
        let last = current
        var sums = last.sums
        if sums?.isWhole == false { sums = nil }
        for _ in 0..<Self.mostTries {
            let entries = try entries(definitions, last, progress)
            let general = BackgroundTexts.all + negatives
            let background = if let known = cache?.examples(general) { known } else { try embedded(general) }
            var next = RouteIndex(
                entries: entries, negatives: background, neighbours: policy.neighbours, distanceRange: embedder.distanceRange,
                previous: sums, cache: cache)
            guard next.isWhole else {
                // What was trained came in part from zeros, and the sums may have it, too.
                sums = nil
                continue
            }
            if policy.correctsSpelling {
                next.spelling = Spelling(examples: entries.lazy.flatMap(\.examples.texts), rank: { [embedder] in embedder.rank(ofWord: $0) })
            }
            snapshot.withLock { $0 = next }
            return next.claims(before: last, threshold: policy.threshold)
        }
        throw RoutingError(
            .embedderFailed, "files of the cache became shorter each time while they were read; another program changes them",
            place: cache?.folder)
    }

    /// How often files of the cache may change during an update.
    private static let mostTries = 3

    /// Embeds the texts of some entries again whose file became shorter, and puts their new vectors into the index.
    func repair(_ damaged: [Int], of index: RouteIndex) throws(RoutingError) -> RouteIndex {
        var repaired: [String: ExampleVectors] = [:]
        for entry in damaged.map({ index.entries[$0] }) {
            repaired[entry.definition.adapter] = try embedded(entry.examples.texts)
            cache?.noteDamage()
        }
        return snapshot.withLock { current in
            current = current.replacing(repaired)
            return current
        }
    }

    /// What can be routed, by name, with its vectors: those of the last index, those of the cache, or new ones.
    private func entries(
        _ definitions: [RouteDefinition], _ last: RouteIndex, _ progress: (Int, Int) -> Void
    ) throws(RoutingError) -> [RouteIndex.Entry] {
        let known = Dictionary(
            last.entries.map { ($0.definition.adapter, $0.examples) }, uniquingKeysWith: { first, _ in first })
        let routable = definitions.filter { $0.isEnabled && !$0.indexedTexts.isEmpty }.sorted { $0.adapter < $1.adapter }
        let found = Parallel.map(routable, piece: 4) { [cache] definition in
            let texts = definition.indexedTexts
            if let same = known[definition.adapter], same.texts == texts, same.isWhole { return ExampleVectors?.some(same) }
            return cache?.examples(texts)
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
        return entries
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
        return cache?.kept(examples) ?? examples
    }
}
