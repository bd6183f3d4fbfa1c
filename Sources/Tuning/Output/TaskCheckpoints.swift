public import Foundation
import JSON

/// The checkpoints of one task, in a hidden folder beside its adapter's. An unfinished task has one from its start on; a finished one has
/// none.
public struct TaskCheckpoints: Sendable {
    public let folder: CheckpointFolder
    /// What a resumed run goes on from.
    public let newest: Checkpoint?
    /// Newer checkpoints that are damaged; `newest` stands in for them.
    public let damaged: [TuningError]
    /// Those of an earlier run are deleted when this one begins.
    private let replaces: Bool
    /// When the run began: chat templates may write the date.
    public let start: Date

    private static let startKey = "started_at"
    private static let historyKey = "history"

    /// - Parameter adapter: the adapter's folder.
    public static func folder(of adapter: String) throws(TuningError) -> CheckpointFolder {
        let parts = adapter.split(separator: "/", omittingEmptySubsequences: false)
        return try CheckpointFolder((parts.dropLast() + [".\(parts.last ?? "").tuning"]).joined(separator: "/"))
    }

    /// Begins anew. Errors: `exists` where an interrupted run left checkpoints, unless `restarts`: `begin` deletes them then.
    public init(beginning adapter: String, restarts: Bool) throws(TuningError) {
        folder = try Self.folder(of: adapter)
        replaces = restarts
        newest = nil
        damaged = []
        start = Date()
        let isFree = try folder.files().isEmpty
        guard restarts || isFree else {
            throw TuningError(
                .exists, "holds checkpoints of a run that did not end: give --resume to go on, or --restart to delete them and begin anew",
                file: folder.path)
        }
    }

    /// Of a run that trains nothing.
    public init(unusedFor folder: CheckpointFolder) {
        self.folder = folder
        replaces = false
        newest = nil
        damaged = []
        start = Date()
    }

    /// Goes on. Errors: those of a checkpoint, `notFound` without any.
    public init(resuming adapter: String) throws(TuningError) {
        folder = try Self.folder(of: adapter)
        guard let (checkpoint, damaged) = try folder.newest() else {
            throw TuningError(.notFound, "there is no checkpoint to resume from: leave --resume out", file: folder.path)
        }
        newest = checkpoint
        replaces = false
        self.damaged = damaged
        let seconds = checkpoint.extra[Self.startKey]?.doubleValue
        start = seconds.map { Date(timeIntervalSince1970: $0) } ?? Date()
    }

    /// Before the first checkpoint of a run, when its data were read and its task is set up: deletes those of an earlier run that it
    /// replaces. Errors: `io`.
    public func begin() throws(TuningError) { if replaces { try remove() } }

    /// The losses before the interruption.
    public func history(_ task: String) throws(TuningError) -> TuningHistory {
        guard let stored = newest?.extra[Self.historyKey], case .object(let document) = stored else { return TuningHistory(task: task) }
        return try TuningHistory(task: task, document)
    }

    /// Errors: `io`; the earlier checkpoints are there then.
    @discardableResult
    public func save(_ task: TuningTask, _ base: BaseIdentity, _ history: TuningHistory) throws(TuningError) -> String {
        try folder.save(
            task, base: base,
            extra: [Self.historyKey: .object(history.document), Self.startKey: .number(start.timeIntervalSince1970)])
    }

    /// Deletes the checkpoints and their folder. Errors: `io`.
    public func remove() throws(TuningError) {
        try folder.removeAll()
        guard FileManager.default.fileExists(atPath: folder.path) else { return }
        do {
            try FileManager.default.removeItem(atPath: folder.path)
        } catch {
            throw TuningError(.io, "cannot be deleted: \(error.localizedDescription)", file: folder.path)
        }
    }
}
