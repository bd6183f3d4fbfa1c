internal import Files
internal import Synchronization

/// The facts of one base in a folder, open for reading and writing.
///
/// `apply` returns when the changes are on the disk (`fdatasync`) and in the next snapshot; of callers that wait at the same time, one writes
/// for all. A process that is killed at any moment loses no change that was acknowledged, and shows no half of one. One process may have a
/// store open (`store.lock`); others read it with `MemorySnapshot.read`. The files are described in docs/memory-format.md.
///
/// Isolation: any thread. `apply` and `compact` block the calling thread while files are written; `snapshot` never waits for them.
public final class MemoryStore: Sendable {
    public let folder: String
    public let limits: StoreLimits
    private let writer: Mutex<StoreWriter>
    private let pending = Mutex(PendingChanges())
    private let published: Mutex<MemorySnapshot>
    /// Held while segments are rewritten.
    private let compaction = Mutex(())

    /// Opens the store of a folder, or creates both. A record that a crash cut off at the end is removed; it was not acknowledged.
    /// Cost: reads the keys of all facts. Errors: `mismatched` for a store of another model, `malformed` with file and offset for damage,
    /// `unavailable` when another process writes into the store, `full`.
    public init(_ folder: String, identity: StoreIdentity, limits: StoreLimits = StoreLimits()) throws(MemoryError) {
        try identity.check(place: folder)
        let open = try StoreFolder.open(folder, creates: true)
        let lock = try StoreLock(folder)
        let found = try StoreFolder.read(open, writable: true)
        let opened = if let found { found } else { try StoreFolder.create(open, identity) }
        try opened.manifest.identity.check(against: identity, place: folder)
        try StoreFolder.deleteLeftovers(open, opened.manifest)
        self.folder = folder
        self.limits = limits
        published = Mutex(MemorySnapshot(contents: opened.contents))
        writer = Mutex(StoreWriter(folder: folder, lock: lock, limits: limits, opened: opened))
    }

    /// Gives the right to write to another store. Nothing is changed afterwards; snapshots stay.
    func close() { writer.withLock { $0.release() } }

    /// What the store holds now.
    public var snapshot: MemorySnapshot { published.withLock { $0 } }

    /// Adds facts and returns their ids, in the same order. Errors: those of `apply`.
    @discardableResult
    public func add(_ records: [FactRecord]) throws(MemoryError) -> [Fact.ID] { try apply(records.map { .add($0) }) }

    /// Replaces all of a fact but its id. Errors: those of `apply`.
    public func change(_ record: FactRecord) throws(MemoryError) { _ = try apply([.change(record)]) }

    /// Forgets facts: they are in no later snapshot. Their bytes leave the files with the next compaction. Errors: those of `apply`.
    public func forget(_ ids: [Fact.ID]) throws(MemoryError) { _ = try apply(ids.map { .forget($0) }) }

    /// Makes several changes, all or none, also when the process is killed. Returns the id of each change's fact. Cost: one write
    /// and one flush, shared with other callers; the same for any number of facts in the store.
    ///
    /// Errors: `invalid`, `notFound` for an id that no fact has, `full` for a bound or a full disk, `unavailable`. Nothing has changed then.
    /// After a flush that failed, the changes may still be found when the store is opened again.
    @discardableResult
    public func apply(_ changes: [StoreChange]) throws(MemoryError) -> [Fact.ID] {
        guard !changes.isEmpty else { return [] }
        guard changes.count <= limits.batchRecords else {
            throw MemoryError(.full, "\(changes.count) changes at once; a store takes \(limits.batchRecords)")
        }
        let ticket = pending.withLock { $0.enqueue(changes) }
        let outcome = writer.withLock { writer -> PendingChanges.Outcome in
            while true {
                if let outcome = pending.withLock({ $0.outcome(ticket) }) { return outcome }
                let requests = pending.withLock { $0.take(limits) }
                let outcomes = writer.commit(requests.map(\.changes))
                publish(writer.contents)
                pending.withLock { pending in
                    for (request, outcome) in zip(requests, outcomes) { pending.finish(request.ticket, outcome) }
                }
            }
        }
        return try outcome.get()
    }

    private func publish(_ contents: StoreContents) {
        var snapshot = MemorySnapshot(contents: contents)
        // The one before is released outside of the lock.
        published.withLock { swap(&$0, &snapshot) }
    }

    // Compaction:

    /// Whether more than half of the bytes, and more than `limits.deadBytes`, belong to facts that were changed or forgotten.
    public var isCompactionDue: Bool {
        let snapshot = snapshot
        return snapshot.deadBytes > limits.deadBytes && 2 * snapshot.deadBytes > snapshot.bytes
    }

    /// Removes the bytes of changed and forgotten facts from the files, if it is due or `force` says so; by force, all of them. Returns the
    /// bytes by which the files became shorter.
    ///
    /// Live records are copied to new segments beside the running store, and a rename of the manifest puts them in place, a group of segments
    /// at a time. Readers never wait; writers wait for the rename. Additional room on the disk: two segments, and what snapshots still read.
    /// Errors: `malformed` for a damaged record, `full`, `unavailable`; groups that were not rewritten are as they were.
    @discardableResult
    public func compact(force: Bool = false) throws(MemoryError) -> Int {
        try compaction.withLock { _ throws(MemoryError) in
            guard force || isCompactionDue else { return 0 }
            let before = snapshot.bytes
            let rewrites = try writer.withLock { writer throws(MemoryError) in try writer.planRewrites(all: force) }
            for rewrite in rewrites { try perform(rewrite) }
            return before - snapshot.bytes
        }
    }

    private func perform(_ rewrite: StoreWriter.Rewrite) throws(MemoryError) {
        let rewritten = try RewrittenSegment(rewrite, of: snapshot.contents, in: folder)
        let isCertain: Bool
        do throws(MemoryError) {
            isCertain = try writer.withLock { writer throws(MemoryError) in
                let isCertain = try writer.replace(rewrite, by: rewritten)
                publish(writer.contents)
                return isCertain
            }
        } catch {
            rewritten.delete()
            throw error
        }
        // As long as a crash could bring the old manifest back, its files stay; they are deleted when the store is opened again.
        if isCertain { for source in rewrite.sources { StoreFolder.delete(source.segment) } }
        if let target = rewritten.target { StoreFolder.writeIndex(target, bytes: rewritten.bytes, dimension: snapshot.identity.dimension) }
    }
}
