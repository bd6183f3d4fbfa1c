public import Generation
internal import Models
internal import Synchronization
internal import Tensors

extension AdapterStore {
    /// Several adapters as one, in a version of its own. The result is kept for the next request, as long as its parts are what
    /// they were and there is room.
    ///
    /// Errors: as `acquire`; `unsupported` for adapters that are no plain LoRAs, and what `MergedDelta` refuses. Cost: the
    /// first time that of reading all parts, and `O(parameters)` for the merge; merges are made one at a time.
    public func acquire(_ merge: AdapterMerge) throws(AdapterError) -> PinnedAdapter {
        if merge.strategy == .linear, let only = merge.parts.first, merge.parts.count == 1 {
            return try acquire(only.adapter).scaled(by: only.weight)
        }
        // Each part is pinned for as long as the request runs, so that it is counted, watched and reported as in use.
        var parts: [PinnedAdapter] = []
        for part in merge.parts { parts.append(try acquire(part.adapter)) }
        let version = Self.version(merge, parts)
        let merged = merges.withLock { known in
            Result { () throws(AdapterError) in
                if let kept = known.find(version) { return kept }
                let made = try make(merge, version, parts)
                known.keep(made, budgetBytes: budgetBytes / 4)
                return made
            }
        }
        return PinnedAdapter(name: merge.label, adapter: try merged.get(), parts: parts)
    }

    private func make(_ merge: AdapterMerge, _ version: String, _ parts: [PinnedAdapter]) throws(AdapterError) -> LoadedAdapter {
        var sources: [MergedDelta.Source] = []
        for (part, pinned) in zip(merge.parts, parts) {
            let directory = try AdapterDirectory.open(part.adapter, in: folder)
            let loaded = try loader.load(directory, element: .f32)
            guard loaded.version == pinned.version else {
                throw AdapterError(.notReady, "its files changed while it was merged", adapter: part.adapter)
            }
            sources.append(.init(name: part.adapter, weight: part.weight, delta: loaded.delta, isRetrieved: loaded.retrieval != nil))
        }
        let seed = ContentDigest(of: version).hexadecimal.prefix(16)
        let delta = try MergedDelta(
            sources: sources, merge: merge, element: loader.element, seed: UInt64(seed, radix: 16) ?? 0
        ).delta()
        var summary = parts[0].summary
        summary.family = "merged"
        summary.parameters = parts.reduce(0) { $0 + $1.summary.parameters }
        return LoadedAdapter(
            version: version, delta: delta, chatTemplate: parts[0].chatTemplate, summary: summary, fingerprint: FolderFingerprint())
    }

    /// Of what is merged, and how.
    private static func version(_ merge: AdapterMerge, _ parts: [PinnedAdapter]) -> String {
        let weighted = zip(merge.parts, parts).map { "\($1.version)*\($0.weight.bitPattern)" }
        let text = "\(merge.strategy.rawValue) \(merge.density.bitPattern) \(merge.majoritySign.rawValue) \(weighted)"
        return String(ContentDigest(of: text).hexadecimal.prefix(32))
    }
}

/// Merged adapters that were made a while ago, the latest last. A plain value under the store's lock.
struct KeptMerges {
    private static let most = 16
    private var kept: [LoadedAdapter] = []

    mutating func find(_ version: String) -> LoadedAdapter? {
        guard let place = kept.firstIndex(where: { $0.version == version }) else { return nil }
        let found = kept.remove(at: place)
        kept.append(found)
        return found
    }

    /// Lets go of the oldest beyond `budgetBytes` in all; the newest always stays.
    mutating func keep(_ merged: LoadedAdapter, budgetBytes: Int) {
        kept.append(merged)
        while kept.count > 1, kept.count > Self.most || byteCount > budgetBytes { kept.removeFirst() }
    }

    var byteCount: Int { kept.reduce(0) { $0 + $1.delta.byteCount } }
}
