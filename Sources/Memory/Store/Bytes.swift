internal import Tensors

/// Bytes to write. Numbers are little-endian, as on every machine that this program runs on.
struct ByteSink {
    private(set) var bytes: [UInt8] = []

    mutating func number<Number: FixedWidthInteger>(_ value: Number) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func array<Element: BitwiseCopyable>(_ elements: [Element]) {
        elements.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    mutating func raw(_ more: UnsafeRawBufferPointer) { bytes.append(contentsOf: more) }

    mutating func text(_ text: String) { bytes.append(contentsOf: text.utf8) }
}

/// Reads what a `ByteSink` wrote. Every step is checked against the end; the error names the file and the offset.
struct ByteSource {
    let bytes: UnsafeRawBufferPointer
    /// For messages.
    let path: String
    /// Where in the file the bytes begin; for messages.
    let start: Int
    private(set) var offset = 0

    init(_ bytes: UnsafeRawBufferPointer, path: String, start: Int) {
        self.bytes = bytes
        self.path = path
        self.start = start
    }

    var rest: Int { bytes.count - offset }

    mutating func slice(_ count: Int, _ what: StaticString) throws(MemoryError) -> UnsafeRawBufferPointer {
        guard count >= 0, count <= rest else { throw damage("\(what): \(count) bytes are due, \(rest) are left") }
        defer { offset += count }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
    }

    mutating func number<Number: FixedWidthInteger>(_ what: StaticString) throws(MemoryError) -> Number {
        Number(littleEndian: try slice(MemoryLayout<Number>.size, what).loadUnaligned(as: Number.self))
    }

    mutating func array<Element: BitwiseCopyable>(_ count: Int, of type: Element.Type, _ what: StaticString) throws(MemoryError) -> [Element] {
        let bytes = try slice(count * MemoryLayout<Element>.stride, what)
        // The storage of empty arrays is one for all threads, and would be written here.
        if count == 0 { return [] }
        return [Element](unsafeUninitializedCapacity: count) { buffer, written in
            UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
            written = count
        }
    }

    mutating func text(_ count: Int, _ what: StaticString) throws(MemoryError) -> String {
        guard let text = String(validating: try slice(count, what), as: UTF8.self) else { throw damage("\(what): not UTF-8") }
        return text
    }

    func damage(_ message: String) -> MemoryError { .damaged(path, at: start + offset, message) }
}

extension MemoryError {
    /// A file is not what its format says.
    static func damaged(_ path: String, at offset: Int, _ message: String) -> MemoryError {
        MemoryError(.malformed, "\(message) (at byte \(offset)); nothing was deleted: restore the file from a copy", place: path)
    }
}

/// The first 64 bits of the BLAKE3 hash; 0 of no bytes.
func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    guard bytes.count > 0 else { return 0 }
    return ContentDigest(of: bytes).rawBytes.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
}
