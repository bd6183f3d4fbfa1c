internal import Glibc

/// What the small text files of a folder looked like: their names, sizes, places on disk and times. Two equal stamps mean
/// that routing data need not be read again. Cost: one `stat` a text file.
struct FolderStamp: Equatable {
    private var files: [String: File] = [:]
    /// Unix seconds of the latest change of the folder or of one of these files.
    private(set) var seconds = 0

    private struct File: Equatable {
        var inode: UInt
        var size: Int
        var seconds: Int
        var nanoseconds: Int
    }

    private static let endings = [".yaml", ".yml", ".jsonl", ".txt", ".md"]

    init(_ folder: String) {
        var status = stat()
        if stat(folder, &status) == 0 { seconds = status.st_mtim.tv_sec }
        guard let stream = opendir(folder) else { return }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard Self.endings.contains(where: name.hasSuffix) else { continue }
            guard stat("\(folder)/\(name)", &status) == 0 else { continue }
            files[name] = File(
                inode: UInt(status.st_ino), size: Int(status.st_size), seconds: status.st_mtim.tv_sec,
                nanoseconds: status.st_mtim.tv_nsec)
            seconds = max(seconds, status.st_mtim.tv_sec)
        }
    }

    static func == (left: FolderStamp, right: FolderStamp) -> Bool { left.files == right.files }
}
