internal import Adapters
internal import Files
internal import Glibc
internal import MergeMethods

/// The folder in which a model is written, under a hidden name beside its place. It gets its name when it is complete.
///
/// One process at a time writes it. What a process left that ended too early is taken up again, or deleted.
final class StagedModel {
    /// Where the model will be: a folder, or a `.gguf` file.
    let target: String
    /// Where it is written: always a folder.
    let path: String
    /// The last part of `target`.
    let name: String
    private let replaces: Bool
    private let mark: String
    private let lock: Int32

    /// - Parameters:
    ///   - replaces: whether a model that was written before may be replaced; nothing else is.
    ///   - mark: what such a model's folder holds.
    ///
    /// Errors: `exists`, `unwritable`; `exists` also when another process writes the same model.
    init(_ target: String, replaces: Bool, mark: String = StagedModel.mark) throws(MergeError) {
        var target = target
        while target.count > 1, target.hasSuffix("/") { target.removeLast() }
        let slash = target.lastIndex(of: "/")
        let name = slash.map { String(target[target.index(after: $0)...]) } ?? target
        let parent = slash.map { $0 == target.startIndex ? "/" : String(target[..<$0]) } ?? "."
        guard !name.isEmpty, name != ".", name != "..", !name.hasPrefix(".") else {
            throw MergeError(.unwritable, "no model can have this name", file: target)
        }
        self.target = target
        self.name = name
        self.replaces = replaces
        self.mark = mark
        path = "\(parent)/.merging-\(name)"
        try Self.checkFree(target, replaces: replaces, mark: mark)
        do throws(FileError) {
            try Folder.create(parent)
            try Folder.create(path)
        } catch {
            throw MergeError(.unwritable, error.message, file: error.path)
        }
        lock = open("\(path)/\(Self.lockName)", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard lock >= 0 else { throw Self.failure("cannot create", "\(path)/\(Self.lockName)") }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw MergeError(.exists, "another process is writing this model", file: target)
        }
    }

    deinit { close(lock) }

    private static let lockName = ".lock"
    /// What the folder of a merged model holds: its recipe.
    static let mark = "mergekit_config.yml"

    /// Writes a small file and flushes it. Errors: `unwritable`.
    func write(_ bytes: [UInt8], to name: String) throws(MergeError) {
        try Self.converting("\(target)/\(name)") { () throws(AdapterError) in try FolderCopy.write(bytes, to: "\(path)/\(name)") }
    }

    /// Deletes a file. Errors: `unwritable`.
    func remove(_ name: String) throws(MergeError) {
        try Self.converting(path) { () throws(AdapterError) in try FolderCopy.delete("\(path)/\(name)") }
    }

    /// Deletes what was written. The folder itself stays, locked.
    func empty() throws(MergeError) {
        let names: [String]
        do throws(FileError) {
            names = try Folder.names(path, limit: .max)
        } catch {
            throw MergeError(.unwritable, error.message, file: error.path)
        }
        for name in names where name != Self.lockName {
            try Self.converting(path) { () throws(AdapterError) in try FolderCopy.delete("\(path)/\(name)") }
        }
    }

    /// Gives the model its name: the whole folder, or the one file of it that is named.
    ///
    /// Errors: `exists`, `unwritable`; what had the name before then still has it.
    func commit(file: String? = nil) throws(MergeError) {
        try Self.checkFree(target, replaces: replaces, mark: mark)
        if let file {
            try Self.converting(target) { () throws(AdapterError) in try FolderCopy.flushFolder(path) }
            guard rename("\(path)/\(file)", target) == 0 else { throw Self.failure("cannot rename \(path)/\(file)", target) }
            return try Self.converting(path) { () throws(AdapterError) in try FolderCopy.delete(path) }
        }
        try Self.converting(target) { () throws(AdapterError) in
            try FolderCopy.delete("\(path)/\(Self.lockName)")
            try FolderCopy.flushFolder(path)
            guard access(target, F_OK) == 0 else { return try FolderCopy.move(path, to: target) }
            if try !FolderCopy.exchange(path, target) {
                try FolderCopy.delete(target)
                return try FolderCopy.move(path, to: target)
            }
            try FolderCopy.delete(path)
        }
    }

    /// Deletes all that was written. The reason for which it is given up is the one to report, so that of a failure here is not.
    func giveUp() {
        _ = Result { () throws(AdapterError) in try FolderCopy.delete(path) }
    }

    /// Only what was written here is replaced: a folder with the mark, or a GGUF file.
    private static func checkFree(_ target: String, replaces: Bool, mark: String) throws(MergeError) {
        var status = stat()
        guard lstat(target, &status) == 0 else {
            guard errno == ENOENT || errno == ENOTDIR else { throw failure("cannot look at it", target) }
            return
        }
        guard replaces else { throw MergeError(.exists, "it already exists: choose another name, or use --replace", file: target) }
        let isFolder = status.st_mode & S_IFMT == S_IFDIR
        guard isFolder ? access("\(target)/\(mark)", F_OK) == 0 : target.hasSuffix(".gguf") && status.st_mode & S_IFMT == S_IFREG else {
            throw MergeError(.exists, "it is no model that was written so (there is no \(mark)), so it is not replaced", file: target)
        }
    }

    private static func failure(_ what: String, _ file: String) -> MergeError {
        MergeError(.unwritable, "\(what): \(String(cString: strerror(errno)))", file: file)
    }

    private static func converting<Value>(_ file: String, _ body: () throws(AdapterError) -> Value) throws(MergeError) -> Value {
        do throws(AdapterError) {
            return try body()
        } catch {
            throw MergeError(error.code == .exists ? .exists : .unwritable, error.message, file: file)
        }
    }
}
