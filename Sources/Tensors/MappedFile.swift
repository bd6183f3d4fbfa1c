internal import Glibc

/// A regular file, mapped read-only, until the last reference goes.
///
/// Pages are read when they are touched; nothing is copied. The mapping stays valid when the file is renamed, replaced or
/// deleted. A process that truncates the file in place while it is mapped would make reads fault (`SIGBUS`): put model
/// files in place by rename, as `scripts/models` and `lmoe adapters add` do.
///
/// `@unchecked Sendable`: the mapping is immutable (`PROT_READ`) and the address is set once, in `init`.
public final class MappedFile: @unchecked Sendable {
    public enum Advice: Sendable {
        /// Read the pages ahead.
        case willNeed
        /// The pages may be dropped from memory; they are read again when they are touched.
        case dontNeed
        /// Read far ahead and drop behind.
        case sequential
        case random
    }

    /// As given to `init`.
    public let path: String
    /// Bytes.
    public let size: Int
    private let base: UnsafeMutableRawPointer?

    /// Opens and maps. Refused: whatever is no regular file (folders, pipes, devices).
    public init(path: String) throws(MappedFileError) {
        // O_NONBLOCK: opening a pipe must not wait for its writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw MappedFileError(path, "cannot open", errno: errno) }
        defer { close(descriptor) }

        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw MappedFileError(path, "cannot read the size", errno: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw MappedFileError(path, "not a regular file") }
        let size = Int(status.st_size)
        var base: UnsafeMutableRawPointer?
        if size > 0 {
            base = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0)
            guard base != MAP_FAILED else { throw MappedFileError(path, "cannot map \(size) bytes", errno: errno) }
        }
        // A file that is still being copied grows; one that shrank would fault.
        guard fstat(descriptor, &status) == 0, Int(status.st_size) == size else {
            if let base { munmap(base, size) }
            throw MappedFileError(path, "the size changed while the file was being opened; is it still being copied?")
        }
        self.path = path
        self.size = size
        self.base = base
    }

    /// A private copy in place of a mapping, for files that may be truncated while they are read: `fill` writes into
    /// `size` bytes of zeroed memory, after which nobody does. Pages that it leaves alone take no memory, so a header
    /// can be looked at without its data. Of the first `filled` bytes all will be written: they get large pages where the
    /// system has them. Errors: those of `fill`, and `unreadable` when there is no memory.
    package init(
        path: String, size: Int, filled: Int = 0, filling fill: (UnsafeMutableRawBufferPointer) throws(MappedFileError) -> Void
    ) throws(MappedFileError) {
        precondition(size >= 0, "a file has no negative size")
        var base: UnsafeMutableRawPointer?
        if size > 0 {
            let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
            base = mmap(nil, size, PROT_READ | PROT_WRITE, flags, -1, 0)
            guard base != MAP_FAILED else { throw MappedFileError(path, "no memory for \(size) bytes", errno: errno) }
            if let base { LargePages.advise(base, byteCount: min(filled, size)) }
        }
        do throws(MappedFileError) {
            try fill(UnsafeMutableRawBufferPointer(start: base, count: size))
        } catch {
            if let base { munmap(base, size) }
            throw error
        }
        if let base { mprotect(base, size, PROT_READ) }
        self.path = path
        self.size = size
        self.base = base
    }

    deinit {
        if let base { munmap(base, size) }
    }

    /// The whole file, valid inside `body`.
    public func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(start: base, count: size))
    }

    /// The whole file, valid as long as this object lives.
    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: size) }

    /// Tells the system how a part (all by default) will be read. A hint: what cannot be followed is ignored.
    public func advise(_ advice: Advice, _ range: Range<Int>? = nil) {
        guard let base else { return }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let range = (range ?? 0..<size).clamped(to: 0..<size)
        let start = range.lowerBound / page * page
        guard range.upperBound > start else { return }
        let flag =
            switch advice {
            case .willNeed: MADV_WILLNEED
            case .dontNeed: MADV_DONTNEED
            case .sequential: MADV_SEQUENTIAL
            case .random: MADV_RANDOM
            }
        _ = madvise(base + start, range.upperBound - start, flag)
    }
}

/// Why a file could not be mapped.
public struct MappedFileError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// No file of that name.
        case notFound
        /// There, but not a file that can be mapped.
        case unreadable
    }

    public var code: Code
    public var path: String
    /// For a person, without the path.
    public var message: String

    package init(_ path: String, _ message: String, errno code: Int32? = nil) {
        self.path = path
        self.code = code == ENOENT ? .notFound : .unreadable
        self.message = code.map { "\(message): \(String(cString: strerror($0)))" } ?? message
    }

    public var description: String { "\(path): \(message)" }
}
