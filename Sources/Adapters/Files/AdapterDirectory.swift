internal import Files
internal import Glibc

/// The folder of one adapter, held open, so that a folder that is renamed while it is read stays the same folder.
///
/// Nothing outside the folder is read: files are opened by plain names, and a link is followed only when what it leads to
/// lies inside. In a snapshot of Hugging Face's cache, links lead to the blobs beside the snapshots, or to those that all repositories
/// of the cache share; `followsSnapshots` allows those.
final class AdapterDirectory: Sendable {
    /// Files of one folder that are looked at.
    static let mostNames = 1_000

    private let folder: Folder
    /// Where links may lead to, other than into the folder.
    private let blobs: [String]

    /// For messages and for people.
    var path: String { folder.path }
    var descriptor: Int32 { folder.descriptor }

    /// The folder of the adapter `name` below `root`, by the rules of `AdapterPlaces`; it may be a link to another folder below
    /// `root`. Errors: `notFound` when the root was read and has no such folder, `unavailable` when the root itself cannot be
    /// read, `notReady`, `unsafePath`, `io`.
    static func open(_ name: String, in root: String) throws(AdapterError) -> AdapterDirectory {
        try AdapterName.check(name)
        let parent = try openRoot(root)
        let directory = try AdapterDirectory(try AdapterPlaces(parent).place(of: name) ?? name, below: parent)
        guard directory.folder.isInside(parent.folder) else {
            throw AdapterError(
                .unsafePath, "the folder is a link that leaves the adapters' folder; copy what it points to instead",
                adapter: name)
        }
        return directory
    }

    /// The folder of all adapters. Errors: `unavailable`, whatever the reason: it says nothing about any adapter.
    static func openRoot(_ path: String) throws(AdapterError) -> AdapterDirectory {
        do throws(FileError) {
            return AdapterDirectory(try Folder(path))
        } catch {
            throw AdapterError(.unavailable, "the adapters folder cannot be read: \(error.message)")
        }
    }

    /// A folder inside another, by its path there; links are followed wherever they lead. Errors: `notFound`; `notReady` for a link
    /// to nothing; `unsafePath` for a link to itself; `io`, `unavailable`.
    convenience init(_ path: String, below root: AdapterDirectory) throws(AdapterError) {
        do throws(FileError) {
            self.init(try Folder(path, below: root.folder))
        } catch {
            // The message may reach clients, who need no path of this machine.
            var refusal = AdapterError(error, file: path)
            refusal.message = "its folder: \(refusal.message)"
            refusal.file = nil
            throw refusal
        }
    }

    /// Any folder. Errors: as above.
    convenience init(path: String, followsSnapshots: Bool = false) throws(AdapterError) {
        let folder = try AdapterError.converting { () throws(FileError) in try Folder(path) }
        self.init(folder, blobs: followsSnapshots ? folder.realPath.map(Self.blobs) ?? [] : [])
    }

    private init(_ folder: Folder, blobs: [String] = []) {
        self.folder = folder
        self.blobs = blobs
    }

    /// `…/models--OWNER--NAME/blobs` and `…/blobs` of a folder in `…/models--OWNER--NAME/snapshots/REVISION`.
    private static func blobs(_ realPath: String) -> [String] {
        let parts = realPath.split(separator: "/")
        guard let place = parts.lastIndex(of: "snapshots"), place > 0, place + 1 < parts.count else { return [] }
        return [place, place - 1].map { "/" + (parts[..<$0] + ["blobs"]).joined(separator: "/") }
    }

    /// Names in the folder, sorted; which ones is up to the system when there are more than `limit`. Errors: `io`, `unavailable`; a
    /// folder that cannot be listed never looks empty.
    func names(limit: Int = mostNames) throws(AdapterError) -> [String] {
        try AdapterError.converting { () throws(FileError) in try folder.listing(limit: limit).names }
    }

    /// Links followed; nil when there is no such file, and for a link to nothing. Errors: `io`, `unavailable` when the system cannot
    /// tell.
    func status(_ name: String) throws(AdapterError) -> FileStatus? {
        do throws(FileError) {
            return try folder.status(name)
        } catch where error.code == .danglingLink || error.errno == ELOOP || error.errno == ENAMETOOLONG {
            return nil
        } catch {
            throw AdapterError(error, file: name)
        }
    }

    /// A link to something that is not there, or to itself.
    func isDanglingLink(_ name: String) throws(AdapterError) -> Bool {
        do throws(FileError) {
            _ = try folder.status(name)
            return false
        } catch where error.code == .danglingLink || error.errno == ELOOP {
            return true
        } catch {
            throw AdapterError(error, file: name)
        }
    }

    /// The system's number of the disk that the folder lies on.
    var device: UInt64? {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? UInt64(status.st_dev) : nil
    }

    /// Whether files of an adapter are here, all or some of them.
    func hasAdapterFiles() throws(AdapterError) -> Bool {
        for file in [AdapterFile.configuration, AdapterFile.weights, AdapterFile.weightsIndex] + AdapterFile.pickles
        where try status(file) != nil { return true }
        return try names().contains(where: AdapterFile.isGGUF)
    }

    /// Errors: `io`, `unavailable`; a file that cannot be looked at is not one that is missing.
    func fingerprint() throws(AdapterError) -> FolderFingerprint {
        var fingerprint = FolderFingerprint()
        let others = try names().filter { AdapterFile.isGGUF($0) || AdapterFile.isShard($0) }
        for name in AdapterFile.decisive + others {
            if let status = try status(name) { fingerprint.stamps[name] = status.stamp }
        }
        return fingerprint
    }

    /// Opens a file of the folder for reading; nil when there is none. Errors: `unsafePath` for a link that leaves the
    /// folder and for what is no regular file, `notReady` for a link to nothing, `io`, `unavailable`.
    func open(_ name: String) throws(AdapterError) -> AdapterFile? {
        do throws(FileError) {
            return try folder.file(name).map { AdapterFile(name: name, $0) }
        } catch {
            if error.code == .unsafePath, !blobs.isEmpty, let file = try blob(name) { return file }
            throw AdapterError(error, file: name)
        }
    }

    /// A file to which a link of a snapshot leads; nil for every other.
    private func blob(_ name: String) throws(AdapterError) -> AdapterFile? {
        let file = try AdapterError.converting(file: name) { () throws(FileError) in try folder.file(name, links: .follow) }
        guard let file, let place = file.realPath, blobs.contains(where: { place.hasPrefix($0 + "/") }) else { return nil }
        return AdapterFile(name: name, file)
    }
}
