internal import Glibc

extension AdapterError {
    /// What the system answered, in words: `unavailable` when it is short of descriptors or memory, `io` otherwise.
    static func system(_ what: String, errno code: Int32 = errno, file: String? = nil) -> AdapterError {
        let isShort = [EMFILE, ENFILE, ENOMEM, EAGAIN].contains(code)
        return AdapterError(isShort ? .unavailable : .io, "\(what): \(String(cString: strerror(code)))", file: file)
    }

    /// Whether the file or folder is not there, as opposed to one that cannot be reached.
    static func isAbsence(errno code: Int32) -> Bool { code == ENOENT || code == ENOTDIR || code == ENAMETOOLONG }
}
