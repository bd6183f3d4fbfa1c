internal import Glibc

/// Reports that something may have changed in a folder or in its subfolders, down to `depth`. Loop only.
///
/// Events are gathered: the handler is called after `quietMilliseconds` without one, and at the latest
/// `patienceMilliseconds` after the first, so that a slow copy is noticed while it goes on. The report does not say what
/// changed: the handler looks. New subfolders are watched before the handler is called, so that no change is lost between its look
/// and the next event. Events can be lost (network file systems, the system's limit of watches): the handler is also called
/// every `rescanMilliseconds`, so a look at an unchanged folder has to be cheap. The folder may be missing, come later,
/// or be replaced. Works until `close`.
@LoopActor
public final class FolderWatch {
    /// Identifies the folder that a path leads to at the moment; a replaced folder has another identity.
    private struct Identity: Equatable {
        var device: UInt
        var inode: UInt
    }

    private struct Watched {
        var identity: Identity
        var events: FolderEvents
    }

    public struct Timing: Sendable {
        public var quietMilliseconds = 150
        public var patienceMilliseconds = 500
        public var rescanMilliseconds = 2_000

        public init(quietMilliseconds: Int = 150, patienceMilliseconds: Int = 500, rescanMilliseconds: Int = 2_000) {
            self.quietMilliseconds = quietMilliseconds
            self.patienceMilliseconds = patienceMilliseconds
            self.rescanMilliseconds = rescanMilliseconds
        }
    }

    /// Folders watched by events at the moment, the folder itself among them.
    public var watchedFolders: Int { watched.count }
    /// Why some folder has no events at the moment and relies on the rescan; nil when all have.
    public private(set) var failure: UVError?

    private let path: String
    private let timing: Timing
    private let depth: Int
    private let maximumFolders: Int
    private var handler: (@LoopActor () -> Void)?
    private var watched: [String: Watched] = [:]
    private var quiet: LoopTimer?
    private var rescan: LoopTimer?
    private var firstEvent: UInt64?

    /// - Parameters:
    ///   - depth: 1 for the folder's direct subfolders, 2 for those of these as well.
    ///   - maximumFolders: watches at most; further subfolders rely on the rescan.
    public init(
        path: String, timing: Timing = Timing(), depth: Int = 1, maximumFolders: Int = 4096, handler: @escaping @LoopActor () -> Void
    ) {
        self.path = path
        self.timing = timing
        self.depth = depth
        self.maximumFolders = maximumFolders
        self.handler = handler
        quiet = LoopTimer { [weak self] in self?.deliver() }
        rescan = LoopTimer { [weak self] in self?.deliver() }
        updateWatches()
        rescan?.start(afterMilliseconds: timing.rescanMilliseconds, repeatMilliseconds: timing.rescanMilliseconds)
    }

    public func close() {
        handler = nil
        quiet?.close()
        rescan?.close()
        quiet = nil
        rescan = nil
        for entry in watched.values { entry.events.close() }
        watched = [:]
    }

    private func eventCame() {
        let now = LoopActor.nowMilliseconds
        let first = firstEvent ?? now
        firstEvent = first
        let untilLatest = timing.patienceMilliseconds - Int(clamping: now - first)
        quiet?.start(afterMilliseconds: min(timing.quietMilliseconds, max(0, untilLatest)))
    }

    private func deliver() {
        firstEvent = nil
        quiet?.stop()
        updateWatches()
        handler?()
    }

    // MARK: Watches

    private func updateWatches() {
        failure = nil
        var present: [String: Identity] = [:]
        var level = [path]
        for _ in 0...depth {
            var below: [String] = []
            for folder in level where present.count < maximumFolders {
                guard let found = Self.folder(folder) else { continue }
                present[folder] = found.identity
                if folder == path || found.mayHaveFolders { below.append(folder) }
            }
            level = below.flatMap { folder in Self.names(in: folder).map { "\(folder)/\($0)" } }
        }
        for (name, entry) in watched where present[name] != entry.identity {
            entry.events.close()
            watched[name] = nil
        }
        for (name, identity) in present where watched[name] == nil {
            do throws(UVError) {
                let events = try FolderEvents(path: name) { [weak self] in self?.eventCame() }
                watched[name] = Watched(identity: identity, events: events)
            } catch {
                failure = error
            }
        }
    }

    /// Most file systems count two links of a folder and one more for each folder in it: those with two need not be listed. Where
    /// that is not so, the rescan finds what events do not tell.
    private static func folder(_ path: String) -> (identity: Identity, mayHaveFolders: Bool)? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return nil }
        return (Identity(device: UInt(status.st_dev), inode: UInt(status.st_ino)), status.st_nlink != 2)
    }

    private static func names(in path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let type = Int(entry.pointee.d_type)
            guard type == DT_DIR || type == DT_LNK || type == DT_UNKNOWN else { continue }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
