import Adapters
import Files
public import JSON

/// The checkpoints of one task: files named by their step, of which the last few are kept.
public struct CheckpointFolder: Sendable {
    public let path: String
    /// At least 1.
    public let kept: Int

    private static let prefix = "step-"
    private static let ending = ".safetensors"
    /// Names that are looked at: many more than are ever kept.
    private static let mostNames = 10_000

    /// Errors: `invalidSetting` unless 1 to 1000 are kept.
    public init(_ path: String, kept: Int = 2) throws(TuningError) {
        try NumberRange(.included(1), .included(1000)).check(Double(kept), "save_total_limit")
        self.path = path
        self.kept = kept
    }

    /// Writes a checkpoint, then deletes those that are too old. A checkpoint of a later step is of a run that was given up, and deleted as
    /// well. Errors: `io`; the earlier checkpoints are all there then.
    @discardableResult
    public func save(_ task: TuningTask, base: BaseIdentity, extra: JSONObject = [:]) throws(TuningError) -> String {
        do throws(FileError) {
            try Folder.create(path)
        } catch {
            throw TuningError(.io, error.message, file: error.path)
        }
        let name = Self.name(task.step)
        try Checkpoint.write(task, base: base, extra: extra, to: "\(path)/\(name)")
        let names = try names()
        let earlier = names.filter { $0 < name }
        for old in earlier.dropLast(kept - 1) + names.filter({ $0 > name }) { try delete(old) }
        for rest in try listing() where rest.hasPrefix(Self.prefix) && rest.hasSuffix(".partial") { try delete(rest) }
        return "\(path)/\(name)"
    }

    /// The newest checkpoint that can be read, with the errors of newer ones that cannot; nil without any. Errors: `io`, and that of the
    /// newest where none can be read.
    public func newest() throws(TuningError) -> (checkpoint: Checkpoint, damaged: [TuningError])? {
        var damaged: [TuningError] = []
        for name in try names().reversed() {
            do throws(TuningError) {
                return (try Checkpoint("\(path)/\(name)"), damaged)
            } catch {
                damaged.append(error)
            }
        }
        if let first = damaged.first { throw first }
        return nil
    }

    /// For a run that begins anew. Errors: `io`.
    public func removeAll() throws(TuningError) {
        for name in try names() { try delete(name) }
    }

    /// Paths of the checkpoints, the oldest first. Errors: `io`.
    public func files() throws(TuningError) -> [String] { try names().map { "\(path)/\($0)" } }

    private func names() throws(TuningError) -> [String] {
        try listing().filter { name in
            let digits = name.dropFirst(Self.prefix.count).dropLast(Self.ending.count)
            return name.hasPrefix(Self.prefix) && name.hasSuffix(Self.ending) && digits.utf8.allSatisfy { 0x30...0x39 ~= $0 }
        }
    }

    private func listing() throws(TuningError) -> [String] {
        do throws(FileError) {
            return try Folder.names(path, limit: Self.mostNames)
        } catch where error.code == .notFound {
            return []
        } catch {
            throw TuningError(.io, error.message, file: path)
        }
    }

    /// Twelve digits: names sort by their step.
    private static func name(_ step: Int) -> String {
        let digits = String(step)
        return prefix + String(repeating: "0", count: max(0, 12 - digits.count)) + digits + ending
    }

    private func delete(_ name: String) throws(TuningError) {
        do throws(AdapterError) {
            try FolderCopy.delete("\(path)/\(name)")
        } catch {
            throw TuningError(.io, error.message, file: "\(path)/\(name)")
        }
    }
}
