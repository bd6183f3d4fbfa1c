internal import Files
internal import Glibc

/// A folder that is written under a hidden name beside its place, and gets its own when it is complete.
///
/// A reader finds the old folder or the whole new one; on a file system that cannot exchange names, for a moment none. A process that ends
/// in between leaves hidden folders. The next write of the same folder deletes them, and restores an old folder that has no replacement.
package struct StagedFolder {
    /// Where it will be.
    package let target: String
    /// Where it is written.
    package let path: String

    private let parent: String
    private let name: String

    /// What a folder must hold to be replaced: nothing else is taken for an adapter's.
    private static let mark = "adapter_config.json"

    /// Errors: `exists` where something has the target's name that may not be replaced, `invalidName` for a name that no adapter has,
    /// `io`.
    package init(_ target: String, replaces: Bool) throws(AdapterError) {
        var target = target
        while target.count > 1, target.hasSuffix("/") { target.removeLast() }
        let slash = target.lastIndex(of: "/")
        name = slash.map { String(target[target.index(after: $0)...]) } ?? target
        parent = slash.map { $0 == target.startIndex ? "/" : String(target[..<$0]) } ?? "."
        guard AdapterName.isValid(name) else {
            throw AdapterError(
                .invalidName, "no adapter can have this name: expected 1 to 64 letters, digits, '.', '_' and '-' that begin with a letter or digit",
                file: target)
        }
        self.target = target
        path = "\(parent)/.partial-\(name)"
        try restore()
        try Self.checkFree(target, replaces: replaces)
        do throws(FileError) {
            try Folder.create(parent)
        } catch {
            throw AdapterError(.io, error.message, file: error.path)
        }
        try Self.system(target) { () throws(AdapterError) in try FolderCopy.make(path) }
    }

    /// Writes a file and flushes it to the disk. Errors: `io`.
    package func write(_ text: String, to file: String) throws(AdapterError) {
        try Self.system("\(target)/\(file)") { () throws(AdapterError) in try FolderCopy.write(Array(text.utf8), to: "\(path)/\(file)") }
    }

    /// Gives the folder its name. What it replaces is deleted when the new one is in place. Errors: `exists`, `io`; the old folder is then
    /// where it was.
    package func commit(replaces: Bool) throws(AdapterError) {
        try Self.system(target) { () throws(AdapterError) in try FolderCopy.flushFolder(path) }
        guard try Self.isThere(target) else {
            return try Self.system(target) { () throws(AdapterError) in try FolderCopy.move(path, to: target) }
        }
        try Self.checkFree(target, replaces: replaces)
        try Self.system(target) { () throws(AdapterError) in
            if try FolderCopy.exchange(path, target) { return try FolderCopy.delete(path) }
            try FolderCopy.delete(aside)
            try FolderCopy.move(target, to: aside)
            do throws(AdapterError) {
                try FolderCopy.move(path, to: target)
            } catch {
                try FolderCopy.move(aside, to: target)
                throw error
            }
            try FolderCopy.delete(aside)
        }
    }

    /// Deletes what was written. The reason for which it is given up is the one to report, so that of a failure here is not.
    package func discard() {
        _ = Result { () throws(AdapterError) in try FolderCopy.delete(path) }
    }

    /// Where the old folder waits while the new one moves.
    private var aside: String { "\(parent)/.replaced-\(name)" }

    /// A process that ended between two moves left the old folder aside: it gets its name back.
    private func restore() throws(AdapterError) {
        guard try Self.isThere(aside), !(try Self.isThere(target)) else { return }
        try Self.system(target) { () throws(AdapterError) in try FolderCopy.move(aside, to: target) }
    }

    private static func isThere(_ path: String) throws(AdapterError) -> Bool {
        var status = stat()
        if lstat(path, &status) == 0 { return true }
        guard errno == ENOENT || errno == ENOTDIR else {
            throw AdapterError(.io, "cannot look at it: \(String(cString: strerror(errno)))", file: path)
        }
        return false
    }

    /// Only an adapter's folder is replaced: none with folders inside, no file, and nothing that a link leads to.
    private static func checkFree(_ target: String, replaces: Bool) throws(AdapterError) {
        guard try isThere(target) else { return }
        guard replaces else {
            throw AdapterError(.exists, "it already exists: choose another name, or use --replace", file: target)
        }
        var status = stat()
        guard lstat(target, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw AdapterError(.exists, "it is no folder, so it is not replaced", file: target)
        }
        do throws(FileError) {
            let folder = try Folder(target)
            let listing = try folder.listing(limit: 1000)
            guard !listing.isCut, listing.names.contains(mark) else {
                throw FileError(.notRegular, target, "it is no adapter's folder, so it is not replaced")
            }
            for name in listing.names where try folder.status(name)?.kind == .folder {
                throw FileError(.notRegular, target, "it holds the folder \(name), so it is not replaced")
            }
        } catch {
            throw AdapterError(error.code == .notRegular ? .exists : .io, error.message, file: target)
        }
    }

    /// What `body` gives; an error names the file that will be there.
    private static func system<Value>(_ file: String, _ body: () throws(AdapterError) -> Value) throws(AdapterError) -> Value {
        do throws(AdapterError) {
            return try body()
        } catch {
            throw AdapterError(error.code == .exists ? .exists : .io, error.message, file: file)
        }
    }
}
