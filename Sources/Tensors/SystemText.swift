internal import Glibc

/// Small text files that the kernel writes, as in /proc and /sys.
enum SystemText {
    /// The lines of the first 4 KB; none where the file cannot be read.
    static func lines(_ path: String) -> [Substring] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n")
    }
}
