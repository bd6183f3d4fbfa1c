internal import Files

/// The state of the small text files of a folder: two equal stamps mean that routing data need not be read again. Cost: one `stat` a
/// text file.
struct FolderStamp: Equatable {
    /// By name; nil for a link to what does not exist.
    private var files: [String: FileStamp?] = [:]
    /// Unix seconds of the latest change of the folder or of one of these files.
    private(set) var seconds = 0

    private static let endings = [".yaml", ".yml", ".jsonl", ".txt", ".md"]
    private static let mostFiles = 100_000

    /// Errors: the folder cannot be read. That is never an empty stamp.
    init(_ path: String) throws(FileError) {
        let folder = try Folder(path)
        if let status = try folder.status(".") { note(status.stamp) }
        for name in try folder.listing(limit: Self.mostFiles).names where Self.endings.contains(where: name.hasSuffix) {
            do throws(FileError) {
                guard let status = try folder.status(name) else { continue }
                files[name] = status.stamp
                note(status.stamp)
            } catch where error.code == .danglingLink {
                files[name] = .some(nil)
            }
        }
    }

    private mutating func note(_ stamp: FileStamp) { seconds = max(seconds, Int(stamp.modifiedNanoseconds / 1_000_000_000)) }

    static func == (left: FolderStamp, right: FolderStamp) -> Bool { left.files == right.files }
}
