internal import Glibc
internal import Synchronization

/// The right to write into a store's folder, which one process has at a time (`flock` on `store.lock`). The system takes it back when the
/// process ends, however it ends.
final class StoreLock: Sendable {
    static let name = "store.lock"

    /// Below 0 when it was given back.
    private let descriptor: Atomic<Int32>

    /// Errors: `unavailable` when another process has it, or another store of this process: the message names the process.
    init(_ folder: String) throws(MemoryError) {
        let path = "\(folder)/\(Self.name)"
        let descriptor = try DiskFile.open(path, O_RDWR | O_CREAT)
        do throws(MemoryError) {
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                guard errno == EWOULDBLOCK else { throw DiskFile.failure(path, "cannot lock") }
                throw MemoryError(
                    .unavailable, "\(try Self.holder(descriptor, path)) writes into this store: end it first, or let it change the facts (a running service takes POST /v1/memories)",
                    place: folder)
            }
            try Self.sign(descriptor, path)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = Atomic(descriptor)
    }

    /// Gives it back.
    func release() {
        let open = descriptor.exchange(-1, ordering: .acquiringAndReleasing)
        if open >= 0 { close(open) }
    }

    private static let signatureBytes = 24

    /// Writes who has the lock. A full disk is no reason to refuse it: facts can still be read and forgotten.
    private static func sign(_ descriptor: Int32, _ path: String) throws(MemoryError) {
        let process = "\(getpid())"
        let padding = String(repeating: " ", count: max(0, signatureBytes - 1 - process.utf8.count))
        do throws(MemoryError) {
            try DiskFile.write(descriptor, path, Array("\(process)\(padding)\n".utf8), at: 0)
        } catch where error.code == .full {
            return
        }
    }

    deinit { release() }

    private static func holder(_ descriptor: Int32, _ path: String) throws(MemoryError) -> String {
        let bytes = try DiskFile.read(descriptor, path, 0..<min(try DiskFile.size(descriptor, path), signatureBytes))
        guard let process = Int(String(decoding: bytes, as: UTF8.self).prefix { $0.isNumber }) else { return "another process" }
        return process == getpid() ? "this process" : "process \(process)"
    }
}
