internal import CMappings
internal import Glibc

/// A regular file, mapped read-only, until the last reference goes.
///
/// Pages are read when they are touched; nothing is copied. The mapping stays valid when the file is renamed, replaced or
/// deleted. When another process truncates the file in place, or the disk cannot give a page, what is missing reads as zeros and
/// the file counts as damaged: call `check` after reading, and discard what was read when it throws.
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
    private let guarded: Guard

    /// What `check` compares. A private copy needs none.
    private enum Guard {
        case copy
        case file(mapping: Int32, device: UInt64, inode: UInt64)
    }

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
        // Without a guard the process would die of a truncated file.
        let mapping = base.map { lmoe_mapping_register($0, size) } ?? -1
        guard base == nil || mapping >= 0 else {
            if let base { munmap(base, size) }
            throw MappedFileError(path, "\(LMOE_MAPPINGS_MAX) files are mapped already")
        }
        self.path = path
        self.size = size
        self.base = base
        guarded = .file(mapping: mapping, device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }

    /// A private copy in place of a mapping, for files that may be truncated while they are read: `fill` writes into
    /// `size` bytes of zeroed memory, which are read-only afterwards. Pages that it leaves alone take no memory, so a header
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
        guarded = .copy
    }

    deinit {
        guard let base else { return }
        if case .file(let mapping, _, _) = guarded { lmoe_mapping_forget(mapping) }
        munmap(base, size)
    }

    /// Whether a page was touched that the file no longer has: it read as zeros. Cost: one load.
    public var isDamaged: Bool {
        guard case .file(let mapping, _, _) = guarded else { return false }
        return lmoe_mapping_is_damaged(mapping)
    }

    /// Throws `damaged` when a page could not be read, and when the file has become shorter since it was mapped. Call it after
    /// reading; before, it saves work. Cost: one system call.
    public func check() throws(MappedFileError) {
        guard case .file(_, let device, let inode) = guarded else { return }
        guard !isDamaged else { throw MappedFileError(damaged: path, "a part of the file could not be read: it became shorter, or the disk failed") }
        // The last page of a file reads as zeros behind its end, without a fault.
        var status = stat()
        guard stat(path, &status) == 0, UInt64(status.st_dev) == device, UInt64(status.st_ino) == inode else { return }
        guard Int(status.st_size) >= size else {
            throw MappedFileError(damaged: path, "the file became shorter: \(status.st_size) bytes, it had \(size)")
        }
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
        /// It became shorter while it was mapped, or the disk cannot give a part of it.
        case damaged
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

    init(damaged path: String, _ message: String) {
        code = .damaged
        self.path = path
        self.message = message
    }

    public var description: String { "\(path): \(message)" }
}
