/// Reads little-endian fields of a header one after the other; every read is checked against the end.
///
/// The bytes belong to a mapped file that the reader keeps alive.
struct ByteCursor {
    let bytes: UnsafeRawBufferPointer
    /// Of the next field, from the start of the file.
    private(set) var offset: Int
    let path: String
    /// The file goes on behind the bytes, which are all that may be read of it.
    let isCut: Bool

    init(_ bytes: UnsafeRawBufferPointer, offset: Int = 0, path: String, isCut: Bool = false) {
        self.bytes = bytes
        self.offset = offset
        self.path = path
        self.isCut = isCut
    }

    var remaining: Int { bytes.count - offset }

    mutating func integer<Value: FixedWidthInteger>(_ what: String, as type: Value.Type = Value.self) throws(WeightsError) -> Value {
        let start = try skip(MemoryLayout<Value>.size, what)
        return Value(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: Value.self))
    }

    /// A 64-bit count or length that is at most `limit`.
    mutating func count(_ what: String, limit: Int) throws(WeightsError) -> Int {
        let value = try integer(what, as: UInt64.self)
        guard let count = Int(exactly: value), count <= limit else {
            throw error(.limitExceeded, "\(what): found \(value), expected at most \(limit)")
        }
        return count
    }

    /// Bytes with a 64-bit length before them; answers where they lie.
    mutating func lengthPrefixed(_ what: String, limit: Int) throws(WeightsError) -> Range<Int> {
        let count = try count("length of \(what)", limit: limit)
        let start = try skip(count, what)
        return start..<start + count
    }

    /// A string with a 64-bit length before it.
    mutating func string(_ what: String, limit: Int) throws(WeightsError) -> String {
        let range = try lengthPrefixed(what, limit: limit)
        guard let text = String(validating: UnsafeRawBufferPointer(rebasing: bytes[range]), as: UTF8.self) else {
            throw error(.malformed, "\(what) at byte \(range.lowerBound) is not UTF-8")
        }
        return text
    }

    /// Steps over `count` bytes and answers where they start.
    @discardableResult
    mutating func skip(_ count: Int, _ what: String) throws(WeightsError) -> Int {
        guard count >= 0, count <= remaining else {
            throw ended(inside: what, "\(count) bytes expected at byte \(offset), \(remaining) found")
        }
        defer { offset += count }
        return offset
    }

    /// An error about bytes that are not there.
    func ended(inside what: String, _ detail: String) -> WeightsError {
        if isCut { return error(.limitExceeded, "the header goes on behind the \(bytes.count) bytes that are read of it") }
        return error(.truncated, "the file ends inside \(what): \(detail)")
    }

    func error(_ code: WeightsError.Code, _ message: String, tensor: String? = nil, key: String? = nil) -> WeightsError {
        WeightsError(code, message, file: path, tensor: tensor, key: key)
    }
}
