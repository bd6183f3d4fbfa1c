internal import Dispatch
internal import Glibc
internal import Synchronization
internal import Tensors
public import Models

/// The folder of adapters: what is in it, what of it is in memory, who uses it.
///
/// Any thread but the loop and the engine: methods read files, and `acquire` may wait for a load. What requests hold is
/// in memory of its own: folders may be replaced, truncated or removed at any time without touching them.
public final class AdapterStore: Sendable {
    public let folder: String
    public let limits: AdapterLimits
    let loader: AdapterLoader
    private let guarded: Mutex<Guarded>
    /// Held by a scan: two at once would report the same changes twice.
    private let scanning = Mutex(ScanCount())
    /// Held while one is made.
    let merges = Mutex(KeptMerges())

    private struct Guarded {
        var state: StoreState<LoadedAdapter>
        /// Left when the load ends.
        var waiting: [Int: DispatchGroup] = [:]
    }

    private struct ScanCount {
        var scans = 0
    }

    /// `budgetBytes`: how much adapters may take in memory while nobody uses them; those in use may exceed it. An adapter
    /// that alone would not fit is refused. Without `weights`, which are the base's, families that compute with them are refused.
    /// Nothing is read before `rescan`.
    public init(
        folder: String, base: DecoderConfiguration, weights: BaseWeights? = nil, budgetBytes: Int, element: LowRank.Element = .f32,
        limits: AdapterLimits = .init(), registry: AdapterRegistry = .standard
    ) {
        self.folder = folder
        self.limits = limits
        loader = AdapterLoader(base: BaseModules(base, weights: weights), element: element, limits: limits, registry: registry)
        guarded = Mutex(Guarded(state: StoreState(budgetBytes: budgetBytes)))
    }

    // MARK: Scanning

    /// Looks for what is new, changed or gone. Reads headers of changed folders only; cheap when nothing changed: a few
    /// `stat` calls a folder. A folder that changed a moment ago is left for later (`retryMilliseconds`), but not by the
    /// first scan, which takes what it finds.
    public func rescan() -> AdapterChanges {
        scanning.withLock { count in
            count.scans += 1
            let names = Set(listNames())
            var changes = AdapterChanges()
            for name in known.keys where !names.contains(name) {
                letGo { $0.forget(name) }
                changes.removed.append(name)
            }
            let settles = count.scans > 1
            let sorted = names.sorted()
            for (name, sight) in zip(sorted, Parallel.map(sorted, { look(at: $0, settles: settles) })) {
                take(sight, of: name, &changes)
            }
            changes.removed.sort()
            return changes
        }
    }

    /// One folder: for a name that a request asks for and the last scan did not have, and after `add`.
    func refresh(_ name: String, settles: Bool = true) {
        scanning.withLock { _ in
            var changes = AdapterChanges()
            take(look(at: name, settles: settles), of: name, &changes)
        }
    }

    private var known: [String: StoreState<LoadedAdapter>.Entry] { guarded.withLock { $0.state.entries } }

    private func listNames() -> [String] {
        (try? AdapterPlaces(folder))?.names(limit: limits.adapters) ?? []
    }

    /// Where an adapter's folder is, whether it is served or not; nil when there is none.
    public func path(of name: String) -> String? {
        guard AdapterName.isValid(name), let place = (try? AdapterPlaces(folder))?.place(of: name) else { return nil }
        return "\(folder)/\(place)"
    }

    /// What a look at a folder found.
    private enum Sight: Sendable {
        /// As it was.
        case same
        case gone
        case changed(FolderFingerprint, StoreState<LoadedAdapter>.Finding, path: String, isSettling: Bool)
    }

    /// Reads, and changes nothing: several folders at once.
    private func look(at name: String, settles: Bool) -> Sight {
        let before = guarded.withLock { $0.state.entries[name] }
        let directory: AdapterDirectory
        do throws(AdapterError) {
            try AdapterPlaces.check(name)
            directory = try AdapterDirectory.open(name, in: folder)
        } catch {
            if error.code == .notFound { return .gone }
            // Not ours to look into: known by its name only.
            let isNews = before == nil || before?.needsProbe == true
            return isNews
                ? .changed(FolderFingerprint(), .init(error.of(name)), path: "\(folder)/\(name)", isSettling: false) : .same
        }
        let fingerprint = directory.fingerprint()
        guard before == nil || before?.fingerprint != fingerprint || before?.needsProbe == true else { return .same }
        let finding = probe(directory, name)
        guard settles && fingerprint.isSettling(within: limits.settleMilliseconds, now: FileStamp.now()) else {
            return .changed(fingerprint, finding, path: directory.path, isSettling: false)
        }
        return .changed(fingerprint, .notReady(finding.reason ?? Self.settling(name)), path: directory.path, isSettling: true)
    }

    /// Brings the state up to date.
    private func take(_ sight: Sight, of name: String, _ changes: inout AdapterChanges) {
        switch sight {
        case .same: break
        case .gone: letGo { $0.forget(name) }
        case .changed(let fingerprint, let finding, let path, let isSettling):
            if isSettling { changes.retryMilliseconds = limits.settleMilliseconds }
            let before = guarded.withLock { $0.state.entries[name] }
            note(name, fingerprint, finding, path, before, &changes)
        }
    }

    /// It looks whole, but so does a file whose size was set before its bytes were.
    private static func settling(_ name: String) -> AdapterError {
        AdapterError(.notReady, "its files changed a moment ago; it may still be being copied", adapter: name)
    }

    private func probe(_ directory: AdapterDirectory, _ name: String) -> StoreState<LoadedAdapter>.Finding {
        do throws(AdapterError) {
            let probe = try loader.probe(directory)
            let budget = guarded.withLock { $0.state.budgetBytes }
            guard probe.byteCount <= budget else {
                throw AdapterError(.limitExceeded, "\(probe.byteCount) bytes in memory; all adapters together have \(budget)")
            }
            return .ready(
                .init(summary: probe.summary, byteCount: probe.byteCount, hasChatTemplate: probe.hasChatTemplate))
        } catch {
            return .init(error.of(name))
        }
    }

    private func note(
        _ name: String, _ fingerprint: FolderFingerprint, _ finding: StoreState<LoadedAdapter>.Finding, _ path: String,
        _ before: StoreState<LoadedAdapter>.Entry?, _ changes: inout AdapterChanges
    ) {
        var needsProbe = false
        switch finding {
        case .ready:
            // Compared with what served last, across the time in which the folder was not whole.
            if before?.servedBefore == true { changes.replaced.append(name) } else { changes.added.append(name) }
        case .notReady(let error):
            needsProbe = true
            changes.notReady[name] = error
        case .rejected(let error):
            changes.rejected[name] = error
        }
        letGo { $0.observe(name, fingerprint: fingerprint, finding: finding, needsProbe: needsProbe, path: path) }
    }

    /// Residents die outside the lock.
    private func letGo(_ body: (inout StoreState<LoadedAdapter>) -> [LoadedAdapter]) {
        let dropped = guarded.withLock { body(&$0.state) }
        withExtendedLifetime(dropped) {}
    }

    // MARK: Using

    /// Pins an adapter for one request, and loads it when it is not in memory; requests for one that is being loaded wait
    /// for that load. Errors: `notFound`, `notReady`, `invalidName`, and why the adapter is refused.
    public func acquire(_ name: String) throws(AdapterError) -> PinnedAdapter {
        try acquire(name, counted: true)
    }

    /// Brings an adapter into memory without serving a request. Hold the result to keep it there.
    @discardableResult
    public func preload(_ name: String) throws(AdapterError) -> PinnedAdapter {
        try acquire(name, counted: false)
    }

    private func acquire(_ name: String, counted: Bool) throws(AdapterError) -> PinnedAdapter {
        try AdapterName.check(name)
        var isRefreshed = false
        while true {
            let (acquired, group, dropped) = guarded.withLock { guarded in
                let (acquired, dropped) = guarded.state.acquire(name, counted: counted)
                switch acquired {
                case .load(let load):
                    let group = DispatchGroup()
                    group.enter()
                    guarded.waiting[load.ticket] = group
                    return (acquired, group as DispatchGroup?, dropped)
                case .wait(let ticket): return (acquired, guarded.waiting[ticket], dropped)
                default: return (acquired, nil, dropped)
                }
            }
            withExtendedLifetime(dropped) {}
            switch acquired {
            case .pinned(let resident, let adapter):
                return PinnedAdapter(name: name, adapter: adapter, resident: resident, store: self)
            case .load(let load): return try perform(load, counted: counted)
            case .wait: group?.wait()
            case .unknown where isRefreshed: throw AdapterError(.notFound, "no such adapter", adapter: name)
            case .refused(let error) where isRefreshed: throw error
            // A folder that was dropped a moment ago need not wait for the next scan.
            case .unknown, .refused:
                refresh(name)
                isRefreshed = true
            }
        }
    }

    private func perform(_ load: StoreState<LoadedAdapter>.Load, counted: Bool) throws(AdapterError) -> PinnedAdapter {
        let clock = ContinuousClock()
        let start = clock.now
        do throws(AdapterError) {
            let directory = try AdapterDirectory.open(load.name, in: folder)
            let adapter = try loader.load(directory, knownVersion: load.knownVersion)
            let milliseconds = (clock.now - start) / .milliseconds(1)
            let (resident, dropped) = end(load) { state in
                state.finish(
                    load,
                    loaded: .init(
                        payload: adapter, version: adapter.version, byteCount: adapter.byteCount,
                        fingerprint: adapter.fingerprint),
                    milliseconds: milliseconds, counted: counted)
            }
            withExtendedLifetime(dropped) {}
            return PinnedAdapter(name: load.name, adapter: adapter, resident: resident, store: self)
        } catch {
            end(load) { $0.fail(load, error.of(load.name)) }
            throw error.of(load.name)
        }
    }

    /// Changes the state and wakes those who wait for the load.
    private func end<Result: Sendable>(
        _ load: StoreState<LoadedAdapter>.Load, _ body: (inout StoreState<LoadedAdapter>) -> Result
    ) -> Result {
        let (result, group) = guarded.withLock { guarded in
            (body(&guarded.state), guarded.waiting.removeValue(forKey: load.ticket))
        }
        group?.leave()
        return result
    }

    /// By `PinnedAdapter`.
    func release(_ resident: Int) { letGo { $0.release(resident) } }

    /// Takes an adapter out of memory; requests that hold it keep it until they end. Its folder stays: the next `acquire` loads
    /// it again.
    public func drop(_ name: String) { letGo { $0.drop(name) } }

    /// A folder that the store itself moved away.
    func forget(_ name: String) { letGo { $0.forget(name) } }

    // MARK: Looking

    /// All folders, by name.
    public func list() -> [AdapterStatus] {
        guarded.withLock { $0.state.statuses(folder: folder) }
    }

    public func status(_ name: String) -> AdapterStatus? {
        guarded.withLock { $0.state.status(name, folder: folder) }
    }

    /// What the routers of an adapter in memory chose so far; nil for one that is not, or has none.
    public func expertLoad(_ name: String) -> ExpertLoad? {
        let adapter = guarded.withLock { $0.state.listed(name) }
        return adapter.flatMap { ExpertLoad($0.delta) }
    }

    public var counters: AdapterCounters { guarded.withLock { $0.state.currentCounters } }
    public var budgetBytes: Int { guarded.withLock { $0.state.budgetBytes } }
}

extension StoreState.Finding {
    /// What an error says about a folder.
    init(_ error: AdapterError) { self = error.isTransient ? .notReady(error) : .rejected(error) }

    var reason: AdapterError? {
        switch self {
        case .ready: nil
        case .notReady(let error), .rejected(let error): error
        }
    }
}
