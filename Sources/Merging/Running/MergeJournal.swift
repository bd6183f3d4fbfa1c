internal import Glibc
internal import MergeMethods
internal import Tensors

/// What of a merge is on the disk: a text file with the plan's digest and the number of each tensor that is complete.
///
/// A tensor is noted after its elements were given to the system, so a process that is killed has noted only what is there. For a machine
/// that loses power, elements are flushed before their note is written.
final class MergeJournal {
    private let path: String
    private let descriptor: Int32
    /// Complete tensors, by number.
    private(set) var complete: Set<Int> = []

    static let name = ".journal"
    private static let limitBytes = 64 << 20

    /// Opens the journal of a folder, or begins one.
    ///
    /// Errors: `unwritable`; `exists` when the folder holds a merge of another plan.
    init(folder: String, plan: ContentDigest) throws(MergeError) {
        path = "\(folder)/\(Self.name)"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.failure("cannot open", path) }
        let lines = try read()
        guard let first = lines.first else {
            try append(plan.hexadecimal)
            return
        }
        guard first == plan.hexadecimal else {
            throw MergeError(
                .exists, "an unfinished merge of another recipe, or of other sources, is there: --restart deletes it", file: folder)
        }
        // The last line may be cut.
        complete = Set(lines.dropFirst().compactMap { Int($0) })
    }

    deinit { close(descriptor) }

    /// Notes tensors whose elements were flushed.
    func note(_ tensors: [Int]) throws(MergeError) {
        guard !tensors.isEmpty else { return }
        try append(tensors.map(String.init).joined(separator: "\n"))
        complete.formUnion(tensors)
    }

    private func append(_ text: String) throws(MergeError) {
        let bytes = Array((text + "\n").utf8)
        guard write(descriptor, bytes, bytes.count) == bytes.count, fdatasync(descriptor) == 0 else {
            throw Self.failure("cannot write", path)
        }
    }

    /// Whole lines; the file then ends with one.
    private func read() throws(MergeError) -> [String] {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size <= Self.limitBytes else { throw Self.failure("cannot read", path) }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        guard bytes.isEmpty || pread(descriptor, &bytes, bytes.count, 0) == bytes.count else { throw Self.failure("cannot read", path) }
        let end = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        guard ftruncate(descriptor, off_t(end)) == 0, lseek(descriptor, off_t(end), SEEK_SET) >= 0 else { throw Self.failure("cannot read", path) }
        return bytes[..<end].split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func failure(_ what: String, _ file: String) -> MergeError {
        MergeError(.unwritable, "\(what): \(String(cString: strerror(errno)))", file: file)
    }
}
