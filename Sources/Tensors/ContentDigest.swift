internal import CKernels

/// The BLAKE3 hash of some bytes, 256 bits: equal for equal content, in every process and on every machine.
///
/// With vector instructions it takes about as long as reading the bytes from memory. Isolation: any thread.
public struct ContentDigest: Sendable, Hashable {
    private let words: SIMD4<UInt64>

    /// Cost: one read, 4 to 10 GB/s a thread with AVX2 or AVX-512.
    public init(of bytes: UnsafeRawBufferPointer) {
        var words = SIMD4<UInt64>()
        withUnsafeMutableBytes(of: &words) { out in
            withUnsafePointer(to: Kernels.table.pointee.hash) { kernels in
                out.withMemoryRebound(to: UInt8.self) { ck_hash(kernels, bytes.baseAddress, bytes.count, $0.baseAddress) }
            }
        }
        self.words = words
    }

    public init(of bytes: [UInt8]) { self = bytes.withUnsafeBytes { ContentDigest(of: $0) } }

    public init(of text: String) {
        var text = text
        self = text.withUTF8 { ContentDigest(of: UnsafeRawBufferPointer($0)) }
    }

    /// The hash of a list, of its parts' hashes one after another: changes when a part does, or their number or order.
    public init(of parts: [ContentDigest]) { self = parts.withUnsafeBytes { ContentDigest(of: $0) } }

    /// The 32 bytes that `rawBytes` gave.
    public init(rawBytes: [UInt8]) {
        precondition(rawBytes.count == 32, "\(rawBytes.count) bytes for a digest of 32")
        words = rawBytes.withUnsafeBytes { $0.loadUnaligned(as: SIMD4<UInt64>.self) }
    }

    public var rawBytes: [UInt8] { withUnsafeBytes(of: words) { Array($0) } }

    /// 64 digits.
    public var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return withUnsafeBytes(of: words) { bytes in
            String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
        }
    }
}
