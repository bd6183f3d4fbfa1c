internal import Files
import Glibc

/// Writes a file so that it is there whole or not at all: beside its name, then renamed.
enum WholeFile {
    /// Errors: `unwritable`, `tooManyDescriptors`; nothing is left behind then.
    static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
        let partial = "\(path).\(getpid()).partial"
        let descriptor = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError(path, "cannot create it", errno: errno, otherwise: .unwritable) }
        do throws(FileError) {
            try write(bytes, to: descriptor, path)
            guard close(descriptor) == 0 else { throw failure(path, errno) }
        } catch {
            unlink(partial)
            throw error
        }
        guard rename(partial, path) == 0 else {
            let number = errno
            unlink(partial)
            throw failure(path, number)
        }
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32, _ path: String) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress.map { $0 + done }, $0.count - done) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                let number = errno
                close(descriptor)
                throw failure(path, number)
            }
            done += count
        }
    }

    private static func failure(_ path: String, _ number: Int32) -> FileError {
        FileError(path, "cannot write it", errno: number, otherwise: .unwritable)
    }
}
