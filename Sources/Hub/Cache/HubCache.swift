internal import Files
internal import Glibc

/// One repository in the cache that Hugging Face's own client has as well:
///
///     models--ORG--NAME/blobs/HASH             contents, by their hash
///     models--ORG--NAME/snapshots/COMMIT/FILE  links to them
///     models--ORG--NAME/refs/REVISION          the commit of a branch or a tag
///     .locks/models--ORG--NAME/HASH.lock       held by the process that fetches a content
struct HubCache: Sendable {
    private let cache: String
    let repository: HubRepository
    private let limits: HubLimits

    init(_ cache: String, _ repository: HubRepository, limits: HubLimits) {
        self.cache = cache
        self.repository = repository
        self.limits = limits
    }

    var folder: String { "\(cache)/\(repository.folderName)" }
    var blobs: String { "\(folder)/blobs" }

    func blob(_ hash: String) -> String { "\(blobs)/\(hash)" }
    func snapshot(_ commit: String) -> String { "\(folder)/snapshots/\(commit)" }
    private func reference(_ revision: String) -> String { "\(folder)/refs/\(revision)" }
    private var locks: String { "\(cache)/.locks/\(repository.folderName)" }

    /// Makes the folders that a fetch writes to. Errors: `io`, `noSpace`.
    func create() throws(HubError) {
        try HubError.converting { () throws(FileError) in
            try Folder.create(blobs)
            try Folder.create(locks)
        }
    }

    /// The lock of a content; nil while another process has it. Errors: `io`.
    func lock(_ hash: String) throws(HubError) -> BlobLock? { try BlobLock(trying: "\(locks)/\(hash).lock") }

    /// The size of a content that is whole: it gets its name when it is. Nil when it is not there. Errors: `io`.
    func size(of hash: String) throws(HubError) -> Int? { try Self.size("\(blobs)/\(hash)") }

    /// Bytes of a content that an earlier run began. Errors: `io`.
    func partialSize(of hash: String) throws(HubError) -> Int { try Self.size(PartialBlob.path(of: blob(hash))) ?? 0 }

    /// Deletes a content that is damaged. Errors: `io`.
    func remove(_ hash: String) throws(HubError) {
        guard unlink(blob(hash)) == 0 || errno == ENOENT else { throw HubError.system(blob(hash), "cannot delete") }
    }

    private static func size(_ path: String) throws(HubError) -> Int? {
        do throws(FileError) {
            guard let status = try FileStatus.of(path), status.kind == .file else { return nil }
            return status.stamp.size
        } catch where error.code == .danglingLink {
            return nil
        } catch {
            throw HubError(error)
        }
    }

    // MARK: Revisions

    /// The commit of a branch, a tag or a commit, as far as the cache knows; nil when it does not. Errors: `io`.
    func commit(of revision: String) throws(HubError) -> String? {
        if HexName.isCommit(revision) { return revision }
        do throws(FileError) {
            let text = try RegularFile.text(reference(revision), limitBytes: 1_024).trimmed()
            return HexName.isCommit(text) ? text : nil
        } catch {
            switch error.code {
            case .notFound, .danglingLink, .notRegular, .notText, .limitExceeded: return nil
            default: throw HubError(error)
            }
        }
    }

    /// Errors: `io`, `noSpace`.
    func note(_ revision: String, is commit: String) throws(HubError) {
        guard revision != commit, try self.commit(of: revision) != commit else { return }
        let path = reference(revision)
        try make(parentOf: path)
        let partial = Self.temporary(path)
        let descriptor = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else { throw HubError.system(partial, "cannot create") }
        defer { close(descriptor) }
        guard write(descriptor, commit, commit.utf8.count) == commit.utf8.count, fsync(descriptor) == 0, rename(partial, path) == 0 else {
            let error = HubError.system(path, "cannot write")
            unlink(partial)
            throw error
        }
        try Self.flush(parentOf: path)
    }

    // MARK: Snapshots

    /// The files of a commit that are there, with their sizes; nil when there is no such snapshot. Links to nothing are left out.
    /// Errors: `io`, `limitExceeded`.
    func files(at commit: String) throws(HubError) -> [HubFile]? {
        do throws(FileError) {
            var files: [HubFile] = []
            try walk(try Folder(snapshot(commit)), prefix: "", depth: 0, into: &files)
            return files
        } catch {
            if error.code == .notFound || error.code == .notAFolder { return nil }
            throw error.code == .limitExceeded ? HubError(.limitExceeded, error.message, place: error.path) : HubError(error)
        }
    }

    private static let deepestFolder = 16

    private func walk(_ folder: Folder, prefix: String, depth: Int, into files: inout [HubFile]) throws(FileError) {
        let listing = try folder.listing(limit: limits.files)
        guard !listing.isCut, files.count <= limits.files else {
            throw FileError(.limitExceeded, folder.path, "more than \(limits.files) files")
        }
        for name in listing.names {
            let status: FileStatus?
            do throws(FileError) {
                status = try folder.status(name)
            } catch where error.code == .danglingLink {
                continue
            }
            switch status?.kind {
            case .file: files.append(HubFile(name: prefix + name, size: status?.stamp.size ?? 0))
            case .folder where depth < Self.deepestFolder:
                try walk(try Folder(name, below: folder), prefix: "\(prefix)\(name)/", depth: depth + 1, into: &files)
            default: continue
            }
        }
    }

    /// Puts a content into a snapshot, by a relative link: the cache can be moved. Errors: `io`, `noSpace`.
    func link(_ file: HubFile, at commit: String) throws(HubError) {
        let path = "\(snapshot(commit))/\(file.name)"
        let depth = file.name.utf8.count { $0 == UInt8(ascii: "/") }
        let target = String(repeating: "../", count: depth + 2) + "blobs/\(file.hash)"
        try make(parentOf: path)
        var status = stat()
        if lstat(path, &status) == 0 {
            if status.st_mode & S_IFMT == S_IFLNK {
                if Self.destination(path) == target { return }
            } else if Int(status.st_size) == file.size {
                // Where links cannot be made, the other client copies.
                return
            }
        }
        let partial = Self.temporary(path)
        guard symlink(target, partial) == 0 else { throw HubError.system(partial, "cannot create the link") }
        guard rename(partial, path) == 0 else {
            let error = HubError.system(path, "cannot put the link in place")
            unlink(partial)
            throw error
        }
        try Self.flush(parentOf: path)
    }

    private static func destination(_ link: String) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(link, &buffer, buffer.count)
        guard count > 0, count < buffer.count else { return nil }
        return String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    // MARK: Folders

    /// A name beside a path that no other thread and no other process takes.
    private static func temporary(_ path: String) -> String { "\(path).\(String(UInt64.random(in: .min ... .max), radix: 16)).tmp" }

    private func make(parentOf path: String) throws(HubError) {
        try HubError.converting { () throws(FileError) in try Folder.create(Self.parent(path)) }
    }

    /// Makes names that were created in a folder last.
    static func flush(parentOf path: String) throws(HubError) {
        let folder = try HubError.converting { () throws(FileError) in try Folder(parent(path)) }
        guard fsync(folder.descriptor) == 0 else { throw HubError.system(folder.path, "cannot flush") }
    }

    private static func parent(_ path: String) -> String { path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "." }

    /// Bytes that the disk has for this user; nil where the system does not say.
    func freeBytes() -> Int? {
        var status = statvfs()
        guard statvfs(blobs, &status) == 0 else { return nil }
        let (bytes, overflow) = Int(status.f_bavail).multipliedReportingOverflow(by: Int(status.f_frsize))
        return overflow ? .max : bytes
    }
}
