internal import Glibc

/// Checks of paths that come from outside: from requests, configurations and downloaded files.
public enum PathCheck {
    /// Bytes of a path, and of one of its components, as Linux limits them.
    public static let pathBytes = 4_096
    public static let componentBytes = 255

    /// Refuses a path with a NUL: the system would read only what stands before it.
    public static func noNUL(_ path: String) throws(FileError) {
        guard !path.utf8.contains(0) else {
            let shown = String(path.unicodeScalars.map { $0 == "\0" ? "\u{FFFD}" : Character($0) })
            throw FileError(.unsafePath, shown, "the path contains a NUL")
        }
    }

    /// Accepts a relative path that stays inside the folder it is relative to: no leading `/`, no `..`, no empty component, no
    /// NUL, within the system's lengths. Links are not looked at: see `Folder.file`.
    public static func staysInside(_ path: String) throws(FileError) {
        try noNUL(path)
        guard !path.isEmpty else { throw FileError(.unsafePath, path, "the path is empty") }
        guard path.utf8.count < pathBytes else {
            throw FileError(.unsafePath, String(path.prefix(40)) + "…", "\(path.utf8.count) bytes; a path has fewer than \(pathBytes)")
        }
        guard !path.hasPrefix("/") else { throw FileError(.unsafePath, path, "an absolute path; expected one inside the folder") }
        for component in path.split(separator: "/", omittingEmptySubsequences: false) {
            guard !component.isEmpty else { throw FileError(.unsafePath, path, "the path has an empty component") }
            guard component != ".." else { throw FileError(.unsafePath, path, "the path leaves the folder (..)") }
            guard component.utf8.count <= componentBytes else {
                throw FileError(
                    .unsafePath, String(path.prefix(40)) + "…",
                    "a name of \(component.utf8.count) bytes; at most \(componentBytes) are possible")
            }
        }
    }

    /// The path without links and `..`; nil when it does not exist or cannot be followed.
    public static func resolved(_ path: String) -> String? {
        guard !path.utf8.contains(0), let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// Where an open file lies now, without links; nil where the system does not say (no `/proc`).
    static func resolved(descriptor: Int32) -> String? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { bytes in
            let text = bytes.bindMemory(to: CChar.self)
            return text.baseAddress.map { readlink("/proc/self/fd/\(descriptor)", $0, text.count) } ?? -1
        }
        guard count > 0, count < buffer.count else { return nil }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    /// Whether `path` lies below `folder`; both without links.
    static func isBelow(_ path: String, _ folder: String) -> Bool {
        path.hasPrefix(folder == "/" ? "/" : folder + "/")
    }
}
