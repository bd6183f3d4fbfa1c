internal import Tensors

/// Where a tensor is in a file, and how its elements are rearranged to be as PEFT writes them.
struct StoredTensor: Sendable {
    enum Arrangement: Sendable {
        /// The bytes of the file, of whatever type and shape.
        case asIs
        /// A matrix whose rows are in order.
        case plain
        /// Row `i` is row `[i]` of the file.
        case rows([Int])
        /// Columns are rows of the file.
        case transposed
    }

    /// Which of the adapter's files has it.
    var file = 0
    /// Of the elements in the file.
    let offset: Int
    let byteCount: Int
    /// In the file.
    let storedType: DType
    let arrangement: Arrangement
    /// As PEFT writes it: a matrix `[rows, columns]`.
    let shape: [Int]

    private var isAsIs: Bool { if case .asIs = arrangement { true } else { false } }

    /// f32, f16 and bf16 stay as they are; every other type becomes f32.
    var dtype: DType { isAsIs || Self.isKept(storedType) ? storedType : .f32 }
    /// Bytes of the elements as PEFT writes them.
    var arrangedBytes: Int { isAsIs ? byteCount : dtype.blockBytes * shape.reduce(1, *) }
    /// `arrangedBytes`, rounded up so that the next tensor is aligned.
    var room: Int { (arrangedBytes + 63) / 64 * 64 }

    static func isKept(_ type: DType) -> Bool { type == .f32 || type == .f16 || type == .bf16 }

    /// Reads the elements into room for `arrangedBytes`. Errors: `io`, and `notReady` when the file became shorter.
    func read(from file: AdapterFile, into target: UnsafeMutableRawPointer) throws(AdapterError) {
        if isAsIs { return try file.read(into: UnsafeMutableRawBufferPointer(start: target, count: byteCount), at: offset) }
        if case .plain = arrangement, Self.isKept(storedType) {
            return try file.read(into: UnsafeMutableRawBufferPointer(start: target, count: byteCount), at: offset)
        }
        let raw = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
        defer { raw.deallocate() }
        try file.read(into: raw, at: offset)
        guard !Self.isKept(storedType) else { return arrange(UnsafeRawPointer(raw.baseAddress), into: target) }
        let floats = dequantized(UnsafeRawBufferPointer(raw))
        floats.withUnsafeBytes { arrange($0.baseAddress, into: target) }
    }

    private func dequantized(_ raw: UnsafeRawBufferPointer) -> [Float] {
        TensorView(name: "", dtype: storedType, shape: storedShape, copying: raw)?.floats() ?? []
    }

    /// `[rows, columns]` in the file.
    private var storedShape: [Int] {
        if case .transposed = arrangement { shape.reversed() } else { shape }
    }

    private func arrange(_ source: UnsafeRawPointer?, into target: UnsafeMutableRawPointer) {
        guard let source else { return }
        let element = dtype.blockBytes
        let (rows, columns) = (shape[0], shape[1])
        switch arrangement {
        case .asIs, .plain: target.copyMemory(from: source, byteCount: arrangedBytes)
        case .rows(let order):
            for row in 0..<rows {
                (target + row * columns * element).copyMemory(from: source + order[row] * columns * element, byteCount: columns * element)
            }
        case .transposed:
            for row in 0..<rows {
                for column in 0..<columns {
                    (target + (row * columns + column) * element).copyMemory(
                        from: source + (column * rows + row) * element, byteCount: element)
                }
            }
        }
    }
}
