internal import Glibc

/// The right to write one content of the cache, held against other processes until the value is gone. Hugging Face's client takes the same
/// lock on the same file.
final class BlobLock {
    private let descriptor: Int32

    /// Nil while another process has it. Errors: `io`.
    init?(trying path: String) throws(HubError) {
        while true {
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o664)
            guard descriptor >= 0 else { throw HubError.system(path, "cannot open the lock") }
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                let isTaken = errno == EWOULDBLOCK
                let error = HubError.system(path, "cannot lock")
                close(descriptor)
                if isTaken { return nil }
                throw error
            }
            // The process that had it may have deleted the file: the lock of a file without a name keeps no other process away.
            var (own, named) = (stat(), stat())
            if fstat(descriptor, &own) == 0, stat(path, &named) == 0, own.st_ino == named.st_ino, own.st_dev == named.st_dev {
                self.descriptor = descriptor
                return
            }
            close(descriptor)
        }
    }

    deinit { close(descriptor) }
}
