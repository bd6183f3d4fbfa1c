internal import Dispatch
internal import Synchronization
internal import UV

/// Keeps a library in step with its folders: by events of the system, and by a look now and then for changes without events.
///
/// Events arrive on the loop. Looks run on a queue of their own, one at a time; a change during a look causes one more. Loop only.
@LoopActor
final class LibraryWatch {
    private let library: AdapterLibrary
    private let queue = DispatchQueue(label: "lmoe.library", qos: .utility)
    private let report: @Sendable (AdapterLibrary.Refresh) -> Void
    private var watches: [FolderWatch] = []
    private var again: LoopTimer?
    private var isLooking = false
    private var isStale = false

    /// - Parameter report: what a look found, when it found something; called on the queue.
    init(
        _ library: AdapterLibrary, folders: [String], rescanMilliseconds: Int,
        report: @escaping @Sendable (AdapterLibrary.Refresh) -> Void
    ) {
        self.library = library
        self.report = report
        again = LoopTimer { [weak self] in self?.look() }
        for folder in folders {
            let timing = FolderWatch.Timing(rescanMilliseconds: rescanMilliseconds)
            watches.append(FolderWatch(path: folder, timing: timing, depth: 2) { [weak self] in self?.look() })
        }
    }

    func close() {
        for watch in watches { watch.close() }
        watches = []
        again?.close()
        again = nil
    }

    /// Looks soon.
    func look() {
        guard !isLooking else {
            isStale = true
            return
        }
        isLooking = true
        isStale = false
        queue.async { [library, report] in
            let refresh = library.refresh()
            if !refresh.isEmpty { report(refresh) }
            LoopActor.post { self.looked(refresh) }
        }
    }

    private func looked(_ refresh: AdapterLibrary.Refresh) {
        isLooking = false
        if isStale { return look() }
        // A folder that changed a moment ago is left alone until it rests.
        if let milliseconds = refresh.changes.retryMilliseconds { again?.start(afterMilliseconds: milliseconds) }
    }
}
