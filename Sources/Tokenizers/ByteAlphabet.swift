/// The 256 characters that byte-level vocabularies spell bytes with (GPT-2's `bytes_to_unicode`): printable Latin-1 stands
/// for itself, the others for U+0100 on, in order.
enum ByteAlphabet {
    /// The scalar of each byte, below U+0144.
    static let scalars: [UInt32] = {
        var next: UInt32 = 0x100
        return (0..<256).map { (byte: UInt32) in
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return byte
            default:
                next += 1
                return next - 1
            }
        }
    }()

    private static let bytes: [UInt8?] = {
        var bytes = [UInt8?](repeating: nil, count: 0x144)
        for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar)] = UInt8(byte) }
        return bytes
    }()

    /// The bytes that a piece spells; nil when it has a character of no byte.
    static func decode(_ piece: String) -> [UInt8]? {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(piece.utf8.count)
        for scalar in piece.unicodeScalars {
            guard scalar.value < 0x144, let byte = bytes[Int(scalar.value)] else { return nil }
            decoded.append(byte)
        }
        return decoded
    }

    /// The spelling of bytes, as UTF-8.
    static func encode(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var spelled: [UInt8] = []
        spelled.reserveCapacity(2 * bytes.count)
        for byte in bytes { appendScalar(scalars[Int(byte)], to: &spelled) }
        return spelled
    }
}
