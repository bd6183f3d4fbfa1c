internal import Glibc

/// A text file that an operator wrote.
public enum SmallFile {
    /// nil when it is not there, larger than the limit, or not UTF-8.
    public static func read(_ path: String, limitBytes: Int) -> String? {
        guard let file = fopen(path, "rbe") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: limitBytes + 1)
        let count = fread(&bytes, 1, bytes.count, file)
        guard ferror(file) == 0, count <= limitBytes else { return nil }
        return String(validating: bytes[..<count], as: UTF8.self)
    }
}
