internal import Dispatch
internal import Files
public import Generation
internal import Models
internal import Tensors

extension AdapterStore {
    /// Several adapters as one, in a version of its own. The result is kept for the next request, within the budget of all adapters,
    /// as long as its parts are what they were.
    ///
    /// Errors: as `acquire`; `unsupported` for adapters that are no plain LoRAs, and what `MergedDelta` refuses; `limitExceeded`
    /// for parts that do not fit the budget together; `unavailable` while too many others wait for merges. Cost: the first time that
    /// of reading all parts, and `O(parameters)` for the merge; merges are made one at a time, and kept ones are found without
    /// waiting for that.
    public func acquire(_ merge: AdapterMerge) throws(AdapterError) -> PinnedAdapter {
        if merge.strategy == .linear, let only = merge.parts.first, merge.parts.count == 1 {
            return try acquire(only.adapter).scaled(by: only.weight)
        }
        // Each part is pinned for as long as the request runs, so that it is counted, watched and reported as in use.
        var parts: [PinnedAdapter] = []
        for part in merge.parts { parts.append(try acquire(part.adapter)) }
        let version = Self.version(merge, parts)
        // Parts are read in f32 again; the result is as large as the parts are.
        let byteCount = parts.reduce(0) { $0 + 4 * max($1.summary.parameters, $1.delta.lowRankElements) + $1.delta.byteCount }
        while true {
            let (acquired, group) = acquireMerge(version, name: merge.label, byteCount: byteCount)
            switch acquired {
            case .pinned(let resident, let adapter):
                return PinnedAdapter(name: merge.label, adapter: adapter, resident: resident, store: self, parts: parts)
            case .load(let load): return try perform(load, merge, version, parts)
            case .refused(let error): throw error
            default: group?.wait()
            }
        }
    }

    private func perform(
        _ load: StoreState<LoadedAdapter>.Load, _ merge: AdapterMerge, _ version: String, _ parts: [PinnedAdapter]
    ) throws(AdapterError) -> PinnedAdapter {
        do throws(AdapterError) {
            guard merging.enter(most: limits.waitingMerges) else {
                throw AdapterError(.unavailable, "\(limits.waitingMerges) merges are being made already; try again in a moment")
            }
            defer { merging.leave() }
            let made = try make(merge, version, parts)
            let (resident, dropped) = end(load) { state in
                state.finishMerge(
                    load,
                    loaded: .init(payload: made, version: version, byteCount: made.byteCount, fingerprint: FolderFingerprint()))
            }
            withExtendedLifetime(dropped) {}
            return PinnedAdapter(name: merge.label, adapter: made, resident: resident, store: self, parts: parts)
        } catch {
            end(load) { $0.failMerge(load, version: version) }
            throw error
        }
    }

    private func make(_ merge: AdapterMerge, _ version: String, _ parts: [PinnedAdapter]) throws(AdapterError) -> LoadedAdapter {
        var sources: [MergedDelta.Source] = []
        for (part, pinned) in zip(merge.parts, parts) {
            let directory = try AdapterDirectory.open(part.adapter, in: folder)
            let loaded = try loader.load(directory, element: .f32)
            guard loaded.version == pinned.version else {
                throw AdapterError(.notReady, "its files are not those that are in memory: a merge reads them again", adapter: part.adapter)
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
            version: version, delta: delta, prompting: parts[0].prompting, summary: summary, fingerprint: FolderFingerprint())
    }

    /// Of what is merged, and how.
    private static func version(_ merge: AdapterMerge, _ parts: [PinnedAdapter]) -> String {
        let weighted = zip(merge.parts, parts).map { "\($1.version)*\($0.weight.bitPattern)" }
        let text = "\(merge.strategy.rawValue) \(merge.density.bitPattern) \(merge.majoritySign.rawValue) \(weighted)"
        return String(ContentDigest(of: text).hexadecimal.prefix(32))
    }
}
