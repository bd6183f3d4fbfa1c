internal import Files
internal import Glibc
internal import Tensors

extension AdapterStore {
    /// What one scan remembers for the next.
    struct ScanMemory {
        var scans = 0
        /// The disk on which the folder was when it was last read.
        var device: UInt64?
    }

    /// Looks for what is new, changed or gone, and loads new files of adapters that are in memory. Reads headers of changed folders
    /// only; cheap when nothing changed: a few `stat` calls a folder. A folder that changed a moment ago is left for later
    /// (`retryMilliseconds`), but not by the first scan, which takes what it finds.
    ///
    /// A folder counts as removed only when the system says that it is not there. While the adapters folder, or a part of it, cannot
    /// be read, `folderState` says so and everything stays what it was.
    public func rescan() -> AdapterChanges {
        scanning.withLock { memory in
            var changes = AdapterChanges()
            do throws(AdapterError) {
                let listing = try list(&memory)
                memory.scans += 1
                let failure = scan(listing, settles: memory.scans > 1, &changes)
                note(failure.map(AdapterFolderState.unreadable) ?? .readable, &changes)
            } catch {
                let isMissing = memory.device == nil && Self.isAbsent(folder)
                if isMissing { memory.scans += 1 }
                note(isMissing ? .missing : .unreadable(error), &changes)
            }
            complain(&changes)
            return changes
        }
    }

    /// Errors: the folder cannot be read, or another disk's, which is empty, stands in its place.
    private func list(_ memory: inout ScanMemory) throws(AdapterError) -> AdapterPlaces.Listing {
        let root = try AdapterDirectory(path: folder)
        let listing = try AdapterPlaces(root).list(limit: limits.adapters)
        let device = root.device
        if let last = memory.device, last != device, listing.names.isEmpty, withState({ !$0.entries.isEmpty }) {
            throw AdapterError(.unavailable, "another disk's folder, which is empty, is in its place; was a disk unmounted?")
        }
        memory.device = device
        return listing
    }

    /// The system says that there is nothing of that name, not even a link.
    private static func isAbsent(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) != 0 && errno == ENOENT
    }

    /// Looks at all that is listed, and at what is known and may be there without being listed. Returns why a part could not be
    /// read.
    private func scan(_ listing: AdapterPlaces.Listing, settles: Bool, _ changes: inout AdapterChanges) -> AdapterError? {
        let listed = Set(listing.names)
        let unlisted = withState { $0.entries.filter { !listed.contains($0.key) } }
        let gone = unlisted.filter { name, entry in !AdapterName.isValid(name) || listing.isComplete(for: place(of: name, entry.path)) }
        for name in gone.keys { take(.gone, of: name, &changes) }
        let names = listed.union(unlisted.keys).subtracting(gone.keys).sorted()
        var failure: AdapterError?
        for (name, sight) in zip(names, Parallel.map(names, { look(at: $0, settles: settles) })) {
            if case .unknown(let error) = sight, failure == nil { failure = error }
            take(sight, of: name, &changes)
        }
        changes.removed.sort()
        return failure
    }

    /// Where a known adapter's folder was, below the root.
    private func place(of name: String, _ path: String?) -> String {
        guard let path, path.hasPrefix(folder + "/") else { return name }
        return String(path.dropFirst(folder.count + 1))
    }

    private func note(_ state: AdapterFolderState, _ changes: inout AdapterChanges) {
        let before = folderState
        setFolderState(state)
        if let failure = state.failure {
            if before.failure != failure { changes.folderFailure = failure }
        } else {
            changes.isFolderBack = before.failure != nil
        }
    }

    /// Adds what is newly wrong, and when more may be.
    private func complain(_ changes: inout AdapterChanges) {
        let patience = StoreState<LoadedAdapter>.Patience(limits)
        let now = FileStamp.now()
        let (complaints, next) = withState { state in
            let complaints = state.entries.keys.compactMap { name in
                state.complaint(name, patience: patience, now: now).map { (name, $0) }
            }
            return (complaints, state.nextComplaint(patience: patience))
        }
        for (name, complaint) in complaints {
            switch complaint {
            case .kept(let error): changes.kept[name] = error
            case .stalled(let error): changes.stalled[name] = error
            }
        }
        if let next {
            let milliseconds = max(1, Int((next - now) / 1_000_000) + 1)
            changes.retryMilliseconds = min(changes.retryMilliseconds ?? .max, milliseconds)
        }
    }

    /// One folder: for a name that a request asks for and that the last scan did not find servable, and after `add`.
    func refresh(_ name: String, settles: Bool = true) {
        scanning.withLock { _ in
            var changes = AdapterChanges()
            take(look(at: name, settles: settles), of: name, &changes)
        }
    }

    /// As `refresh`. Errors: `unavailable`, when the system cannot say what is there.
    func refreshed(_ name: String) throws(AdapterError) {
        let failure = scanning.withLock { _ -> AdapterError? in
            var changes = AdapterChanges()
            let sight = look(at: name, settles: true)
            take(sight, of: name, &changes)
            if case .unknown(let error) = sight { return error }
            return nil
        }
        if let failure { throw failure }
    }

    /// Where an adapter's folder is, whether it is served or not; nil when there is none. Errors: `io`, `unavailable` when the system
    /// cannot tell.
    public func path(of name: String) throws(AdapterError) -> String? {
        guard AdapterName.isValid(name) else { return nil }
        return try AdapterPlaces(AdapterDirectory.openRoot(folder)).place(of: name).map { "\(folder)/\($0)" }
    }

    // MARK: One folder

    /// What a look at a folder found.
    private enum Sight: Sendable {
        /// As it was.
        case same
        case gone
        /// The system cannot tell.
        case unknown(AdapterError)
        case changed(FolderFingerprint, StoreState<LoadedAdapter>.Finding, path: String)
    }

    /// Reads, and changes nothing: several folders at once.
    private func look(at name: String, settles: Bool) -> Sight {
        let before = withState { $0.entries[name] }
        do throws(AdapterError) {
            try AdapterPlaces.check(name)
            let directory = try AdapterDirectory.open(name, in: folder)
            let fingerprint = try directory.fingerprint()
            guard before == nil || before?.fingerprint != fingerprint || before?.needsProbe == true else { return .same }
            let isSettling = settles && fingerprint.isSettling(within: limits.settleMilliseconds, now: FileStamp.now())
            let finding = try probe(directory, name, isSettling: isSettling)
            return .changed(fingerprint, finding, path: directory.path)
        } catch {
            switch error.code {
            case .notFound: return .gone
            case .unavailable: return .unknown(error.of(name))
            default:
                // The folder itself cannot be opened: it is known by its name only.
                let error = error.of(name)
                let isSame = before?.fingerprint == FolderFingerprint() && before?.finding.reason == error && before?.needsProbe == false
                return isSame ? .same : .changed(FolderFingerprint(), .init(error), path: before?.path ?? "\(folder)/\(name)")
            }
        }
    }

    /// Errors: `unavailable` only.
    private func probe(
        _ directory: AdapterDirectory, _ name: String, isSettling: Bool
    ) throws(AdapterError) -> StoreState<LoadedAdapter>.Finding {
        do throws(AdapterError) {
            let probe = try loader.probe(directory)
            guard probe.byteCount <= budgetBytes else {
                throw AdapterError(.limitExceeded, "\(probe.byteCount) bytes in memory; all adapters together have \(budgetBytes)")
            }
            let description = StoreState<LoadedAdapter>.Description(
                summary: probe.summary, byteCount: probe.byteCount, hasChatTemplate: probe.hasChatTemplate)
            return isSettling ? .settling(description) : .ready(description)
        } catch {
            if error.code == .unavailable { throw error }
            return isSettling ? .notReady(error.of(name)) : .init(error.of(name))
        }
    }

    /// Brings the state up to date, and loads the new files of an adapter that is in memory.
    private func take(_ sight: Sight, of name: String, _ changes: inout AdapterChanges) {
        switch sight {
        case .same, .unknown: break
        case .gone:
            if withState({ $0.entries[name] != nil }) { changes.removed.append(name) }
            letGo { $0.forget(name) }
        case .changed(let fingerprint, let finding, let path):
            let before = withState { $0.entries[name] }
            let needsProbe = if case .ready = finding { false } else if case .rejected = finding { false } else { true }
            let load = observe {
                $0.observe(name, fingerprint: fingerprint, finding: finding, needsProbe: needsProbe, path: path, now: FileStamp.now())
            }
            switch finding {
            // Compared with what served last, across the time in which the folder was not whole.
            case .ready where load == nil:
                if before?.servedBefore == true { changes.replaced.append(name) } else { changes.added.append(name) }
            case .ready: take(load, of: name, &changes)
            case .settling:
                changes.notReady[name] = .settling(name)
                changes.retryMilliseconds = limits.settleMilliseconds
            case .notReady(let error):
                changes.notReady[name] = error
                if fingerprint.isSettling(within: limits.settleMilliseconds, now: FileStamp.now()) {
                    changes.retryMilliseconds = limits.settleMilliseconds
                }
            // Where an older version serves, `kept` has the news.
            case .rejected(let error): if before?.resident == nil { changes.rejected[name] = error }
            }
        }
    }

    private func take(_ load: StoreState<LoadedAdapter>.Load?, of name: String, _ changes: inout AdapterChanges) {
        guard let load else { return }
        do throws(AdapterError) {
            try replace(load)
            changes.replaced.append(name)
        } catch {
            if error.isTransient { changes.notReady[name] = error }
        }
    }
}
