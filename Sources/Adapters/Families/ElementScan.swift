internal import Tensors

/// One look at the elements of an f32, f16 or bf16 tensor. Cost: `O(elements)` when made.
struct ElementScan {
    /// Bits of an f32 without its sign, from which on it is no number that is kept.
    static let infinity: UInt32 = 0x7F80_0000
    /// From here on rounding to bf16 gives infinity.
    static let firstBeyondBF16: UInt32 = 0x7F7F_8000

    /// The first element at or above the limit.
    private(set) var firstBad: (index: Int, value: Float)?
    private(set) var isZero = true
    private let view: TensorView

    init(_ view: TensorView, limit: UInt32) {
        self.view = view
        var all: UInt32 = 0
        var bad: (index: Int, value: Float)?
        Self.forEach(view) { index, bits in
            let magnitude = bits & 0x7FFF_FFFF
            all |= magnitude
            if magnitude >= limit && bad == nil { bad = (index, Float(bitPattern: bits)) }
        }
        firstBad = bad
        isZero = all == 0
    }

    /// For a matrix `[rows, columns]`: which rows have an element other than zero.
    func nonzeroRows() -> [Bool] {
        var rows = [Bool](repeating: false, count: view.rows)
        let columns = view.columns
        Self.forEach(view) { index, bits in if bits & 0x7FFF_FFFF != 0 { rows[index / columns] = true } }
        return rows
    }

    func nonzeroColumns() -> [Bool] {
        var found = [Bool](repeating: false, count: view.columns)
        let columns = view.columns
        Self.forEach(view) { index, bits in if bits & 0x7FFF_FFFF != 0 { found[index % columns] = true } }
        return found
    }

    func values() -> [Float] {
        var values: [Float] = []
        values.reserveCapacity(view.elementCount)
        Self.forEach(view) { values.append(Float(bitPattern: $1)) }
        return values
    }

    /// Each element's place and its value as the bits of an f32.
    private static func forEach(_ view: TensorView, _ body: (Int, UInt32) -> Void) {
        view.withUnsafeBytes { bytes in
            switch view.dtype {
            case .f32:
                for index in 0..<view.elementCount {
                    body(index, bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
                }
            case .f16:
                for index in 0..<view.elementCount {
                    let half = Float16(bitPattern: bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self))
                    body(index, Float(half).bitPattern)
                }
            case .bf16:
                for index in 0..<view.elementCount {
                    body(index, UInt32(bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)) << 16)
                }
            default:
                preconditionFailure("element types are checked before elements are read")
            }
        }
    }
}
