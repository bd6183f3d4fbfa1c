internal import Files
internal import Glibc

extension HubError {
    /// Whether a number of the system's means that a disk, or the user's share of it, is full.
    static func isFull(_ errno: Int32) -> Bool { errno == ENOSPC || errno == EDQUOT }

    /// From the `errno` of a call that has just failed; `action` says what failed (`cannot write`).
    static func system(_ path: String, _ action: String) -> HubError {
        HubError(FileError(path, action, errno: errno, otherwise: .unwritable))
    }
}
