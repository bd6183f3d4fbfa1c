internal import Dispatch
internal import Files
internal import Glibc
internal import Synchronization
public import Models

/// The folder of adapters: what is in it, what of it is in memory, and which requests use it.
///
/// Any thread but the loop and the engine: methods read files, and `acquire` may wait for a load. What requests hold is
/// in memory of its own: folders may be replaced, truncated or removed at any time without touching them.
///
/// What is served stays served: a version in memory is replaced only by one that was loaded and checked. It leaves when its folder
/// is gone, when it is dropped, and when no request uses it and the budget is short.
public final class AdapterStore: Sendable {
    public let folder: String
    public let limits: AdapterLimits
    let loader: AdapterLoader
    private let guarded: Mutex<Guarded>
    /// Held by a scan: two at once would report the same changes twice.
    let scanning = Mutex(ScanMemory())
    /// Entered while a merge is made.
    let merging = OneAtATime()

    private struct Guarded {
        var state: StoreState<LoadedAdapter>
        var folder = AdapterFolderState.unread
        /// Left when the load ends.
        var waiting: [Int: DispatchGroup] = [:]

        /// Requests for what is being loaded wait for this group.
        mutating func beginWaiting(_ load: StoreState<LoadedAdapter>.Load) -> DispatchGroup? {
            let group = DispatchGroup()
            group.enter()
            waiting[load.ticket] = group
            return group
        }
    }

    /// `budgetBytes`: how much adapters may take in memory while no request uses them; those in use may exceed it. An adapter
    /// that alone would not fit is refused. Without `weights`, which are the base's, families that compute with them are refused.
    /// Nothing is read before `rescan`. `check` is asked of each adapter that brings a template or tokens of its own.
    public init(
        folder: String, base: DecoderConfiguration, weights: BaseWeights? = nil, budgetBytes: Int, element: LowRank.Element = .f32,
        limits: AdapterLimits = .init(), registry: AdapterRegistry = .standard, check: PromptingCheck? = nil
    ) {
        self.folder = folder
        self.limits = limits
        loader = AdapterLoader(base: BaseModules(base, weights: weights), element: element, limits: limits, registry: registry, check: check)
        guarded = Mutex(Guarded(state: StoreState(budgetBytes: budgetBytes)))
    }

    /// Reads or changes the state. No file is read and no other lock is taken while it is locked.
    func withState<Result: Sendable>(_ body: (inout StoreState<LoadedAdapter>) -> Result) -> Result {
        guarded.withLock { body(&$0.state) }
    }

    /// Changes the state. The adapters that `body` returns are freed outside the lock.
    func letGo(_ body: (inout StoreState<LoadedAdapter>) -> [LoadedAdapter]) {
        let dropped = withState(body)
        withExtendedLifetime(dropped) {}
    }

    // MARK: Using

    /// Pins an adapter for one request, and loads it when it is not in memory; requests for one that is being loaded wait
    /// for that load, or get the version before it. Errors: `notFound`, `notReady`, `invalidName`, `unavailable`, and why the
    /// adapter is refused.
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
        var patience = SettlingPatience(limits)
        while true {
            let (acquired, group, dropped) = guarded.withLock { guarded in
                let (acquired, dropped) = guarded.state.acquire(name, counted: counted)
                switch acquired {
                case .load(let load), .replace(let load, _, _): return (acquired, guarded.beginWaiting(load), dropped)
                case .wait(let ticket): return (acquired, guarded.waiting[ticket], dropped)
                default: return (acquired, nil, dropped)
                }
            }
            withExtendedLifetime(dropped) {}
            switch acquired {
            case .pinned(let resident, let adapter):
                return PinnedAdapter(name: name, adapter: adapter, resident: resident, store: self)
            case .load(let load): return try perform(load, counted: counted)
            case .replace(let load, let resident, let adapter):
                let fallback = PinnedAdapter(name: name, adapter: adapter, resident: resident, store: self)
                do throws(AdapterError) { return try perform(load, counted: false) } catch { return fallback }
            case .wait: group?.wait()
            case .settling:
                guard patience.wait() else { throw AdapterError.settling(name) }
                refresh(name)
            case .unknown where isRefreshed: throw AdapterError(.notFound, "no such adapter", adapter: name)
            case .refused(let error) where isRefreshed: throw error
            // A folder that came or changed a moment ago need not wait for the next scan.
            case .unknown, .refused:
                try refreshed(name)
                isRefreshed = true
            }
        }
    }

    /// Loads new files of an adapter that is in memory. Errors: why they cannot be used; the version before them serves then.
    func replace(_ load: StoreState<LoadedAdapter>.Load) throws(AdapterError) {
        _ = try perform(load, counted: false)
    }

    /// The state begins a load while a scan looks at the folder.
    func observe(
        _ body: (inout StoreState<LoadedAdapter>) -> StoreState<LoadedAdapter>.Observation
    ) -> StoreState<LoadedAdapter>.Load? {
        let (load, dropped) = guarded.withLock { guarded in
            let observation = body(&guarded.state)
            let evicted = observation.replacement == nil ? [] : guarded.state.evict()
            if let load = observation.replacement { _ = guarded.beginWaiting(load) }
            return (observation.replacement, observation.dropped + evicted)
        }
        withExtendedLifetime(dropped) {}
        return load
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
            end(load) { $0.fail(load, error.of(load.name), now: FileStamp.now()) }
            throw error.of(load.name)
        }
    }

    /// Changes the state and wakes those who wait for the load.
    func end<Result: Sendable>(
        _ load: StoreState<LoadedAdapter>.Load, _ body: (inout StoreState<LoadedAdapter>) -> Result
    ) -> Result {
        let (result, group) = guarded.withLock { guarded in
            (body(&guarded.state), guarded.waiting.removeValue(forKey: load.ticket))
        }
        group?.leave()
        return result
    }

    /// The state looks for a merge; the group is left when the merge in the making has ended.
    func acquireMerge(
        _ version: String, name: String, byteCount: Int
    ) -> (StoreState<LoadedAdapter>.Acquired, DispatchGroup?) {
        let (acquired, group, dropped) = guarded.withLock { guarded in
            let (acquired, dropped) = guarded.state.acquireMerge(version, name: name, byteCount: byteCount)
            switch acquired {
            case .load(let load): return (acquired, guarded.beginWaiting(load), dropped)
            case .wait(let ticket): return (acquired, guarded.waiting[ticket], dropped)
            default: return (acquired, nil, dropped)
            }
        }
        withExtendedLifetime(dropped) {}
        return (acquired, group)
    }

    /// By `PinnedAdapter`, on a queue of its own.
    func release(_ resident: Int) { letGo { $0.release(resident) } }

    /// Takes an adapter out of memory; requests that hold it keep it until they end. Its folder stays: the next `acquire` loads
    /// it again.
    public func drop(_ name: String) { letGo { $0.drop(name) } }

    /// A folder that the store itself moved away.
    func forget(_ name: String) { letGo { $0.forget(name) } }

    // MARK: Looking

    /// All folders, by name.
    public func list() -> [AdapterStatus] { withState { $0.statuses(folder: folder) } }

    public func status(_ name: String) -> AdapterStatus? { withState { $0.status(name, folder: folder) } }

    /// Whether the last scan could read the folder.
    public var folderState: AdapterFolderState { guarded.withLock { $0.folder } }

    func setFolderState(_ state: AdapterFolderState) { guarded.withLock { $0.folder = state } }

    /// What the routers of an adapter in memory chose so far; nil for one that is not, or has none.
    public func expertLoad(_ name: String) -> ExpertLoad? { withState { $0.listed(name) }.flatMap { ExpertLoad($0.delta) } }

    public var counters: AdapterCounters { withState { $0.currentCounters } }
    public var budgetBytes: Int { withState { $0.budgetBytes } }
}

/// How long a request waits for files that changed a moment ago.
private struct SettlingPatience {
    /// The files have to rest for one of these; a tool may save them again and again.
    private static let most = 8
    private let milliseconds: Int
    private var waits = 0

    init(_ limits: AdapterLimits) { milliseconds = limits.settleMilliseconds }

    /// Waits a part of the time that files have to rest; false when it was long enough.
    mutating func wait() -> Bool {
        guard waits < Self.most else { return false }
        waits += 1
        usleep(UInt32(clamping: max(1, milliseconds / 2) * 1_000))
        return true
    }
}
