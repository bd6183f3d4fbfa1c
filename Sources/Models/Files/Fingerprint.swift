internal import Tensors

/// FNV-1a, 64 bits: tells files apart, but not against forgery.
struct Fingerprint {
    private var state: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ byte: UInt8) { state = (state ^ UInt64(byte)) &* 0x100_0000_01B3 }
    mutating func add(_ text: String) { text.utf8.forEach { add($0) }; add(0) }
    mutating func add(_ number: Int) { withUnsafeBytes(of: number.littleEndian) { $0.forEach { add($0) } } }

    /// Name, type, shape and 64 bytes from the middle.
    mutating func add(_ view: TensorView) {
        add(view.name)
        add(view.dtype.name)
        view.shape.forEach { add($0) }
        view.withUnsafeBytes { bytes in
            bytes.dropFirst(bytes.count / 2).prefix(64).forEach { add($0) }
        }
    }

    var hexadecimal: String {
        let digits = String(state, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
