internal import Glibc

/// An open segment file: 32 bytes of header, then records one after another. Records never change where they lie, and a file that is
/// deleted can be read until the last reference goes.
///
/// Records are read with `pread`, not through a mapping: pages of a mapping count as memory of the process, and a file that another process
/// cuts off is then an error instead of a signal. Isolation: any thread.
final class SegmentFile: Sendable {
    static let headerBytes = 32
    private static let mark: UInt64 = 0x5347_4553_454f_4d4c  // LMOESEGS
    private static let format: UInt32 = 1

    let number: UInt64
    let path: String
    let descriptor: Int32

    static func name(_ number: UInt64) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 8 - digits.utf8.count)) + digits + ".facts"
    }

    /// The number in a file's name; nil: it is no segment's.
    static func number(ofFile name: String, suffix: String = ".facts") -> UInt64? {
        guard name.hasSuffix(suffix), let number = UInt64(name.dropLast(suffix.utf8.count)) else { return nil }
        return Self.name(number).dropLast(".facts".utf8.count) + suffix == name ? number : nil
    }

    /// A new file with its header, flushed. Errors: `full`, `unavailable`.
    init(creating number: UInt64, in folder: String) throws(MemoryError) {
        self.number = number
        path = "\(folder)/\(Self.name(number))"
        let descriptor = try DiskFile.open(path, O_RDWR | O_CREAT | O_TRUNC)
        do throws(MemoryError) {
            try DiskFile.write(descriptor, path, Self.header(number), at: 0)
            try DiskFile.flush(descriptor, path)
            try DiskFile.flushFolder(folder)
        } catch {
            close(descriptor)
            unlink(path)
            throw error
        }
        self.descriptor = descriptor
    }

    /// Errors: `notFound`, `malformed`, `unavailable`.
    init(_ number: UInt64, in folder: String, writable: Bool) throws(MemoryError) {
        self.number = number
        path = "\(folder)/\(Self.name(number))"
        let descriptor = try DiskFile.open(path, writable ? O_RDWR : O_RDONLY)
        do throws(MemoryError) {
            let size = try DiskFile.size(descriptor, path)
            guard size >= Self.headerBytes else { throw .damaged(path, at: size, "the file ends inside its header") }
            guard try DiskFile.read(descriptor, path, 0..<Self.headerBytes) == Self.header(number) else {
                throw .damaged(path, at: 0, "the header is not that of segment \(number), format \(Self.format)")
            }
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    private static func header(_ number: UInt64) -> [UInt8] {
        var sink = ByteSink()
        sink.number(mark)
        sink.number(format)
        sink.number(UInt32(0))
        sink.number(number)
        sink.number(sink.bytes.withUnsafeBytes { checksum($0) })
        return sink.bytes
    }

    func size() throws(MemoryError) -> Int { try DiskFile.size(descriptor, path) }

    func read(_ range: Range<Int>) throws(MemoryError) -> [UInt8] { try DiskFile.read(descriptor, path, range) }

    func header(at offset: Int) throws(MemoryError) -> RecordHeader {
        try read(offset..<offset + RecordHeader.byteCount).source(path, offset) { source throws(MemoryError) in
            try RecordHeader(source.bytes, path: path, offset: offset)
        }
    }
}

extension [UInt8] {
    /// Reads these bytes of a file, `start` being where they begin there.
    func source<Result>(
        _ path: String, _ start: Int, _ body: (inout ByteSource) throws(MemoryError) -> Result
    ) throws(MemoryError) -> Result {
        let result: Swift.Result<Result, MemoryError> = withUnsafeBytes { bytes in
            var source = ByteSource(bytes, path: path, start: start)
            do throws(MemoryError) { return .success(try body(&source)) } catch { return .failure(error) }
        }
        return try result.get()
    }
}
