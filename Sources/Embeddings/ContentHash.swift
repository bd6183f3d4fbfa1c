internal import Tensors

/// A hash of files' contents, 64 bits, the same in every process and on every machine. Tells apart what nobody forges.
struct ContentHash {
    private var state: UInt64 = 0x9E37_79B9_7F4A_7C15

    mutating func add(_ word: UInt64) {
        let product = (state ^ word).multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
        state = product.high ^ product.low ^ (word &* 0xE703_7ED1_A0B4_28DB)
    }

    mutating func add(_ text: String) {
        for byte in text.utf8 { add(UInt64(byte)) }
        add(UInt64.max)
    }

    /// Whether the file could be read. Cost: `O(bytes)`, 8 bytes a step.
    mutating func add(file path: String) -> Bool {
        guard let file = try? MappedFile(path: path) else { return false }
        add(UInt64(file.size))
        file.withUnsafeBytes { bytes in
            let whole = bytes.count & ~7
            for offset in stride(from: 0, to: whole, by: 8) {
                add(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
            }
            for offset in whole..<bytes.count { add(UInt64(bytes[offset])) }
        }
        return true
    }

    var hexadecimal: String {
        let digits = String(state, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
