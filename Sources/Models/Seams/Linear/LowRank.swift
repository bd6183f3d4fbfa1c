public import Tensors

/// The two matrices of a low-rank update, `scale * B (A x)`. With factors it is `scale * outputFactors * (B (rankFactors * (A x)))`, so that
/// several updates can share their matrices (VeRA).
///
/// Memory: `rank * (inputs + outputs)` elements, 64-byte aligned, its own or a part of its adapter's. `A` is `[rank, inputs]` and `B` is kept transposed,
/// `[rank, outputs]`, so that a slice of the outputs reads whole rows; int8 is packed for its kernels. Output rows are in the
/// order of Hugging Face checkpoints.
///
/// `@unchecked Sendable`: the memory is filled in `init` and only read after.
public final class LowRank: @unchecked Sendable {
    /// The element type in memory. Sums are f32.
    public enum Element: String, Sendable, CaseIterable {
        case f32
        /// Half the memory; f32 and f16 files are rounded to nearest, ties to even.
        case bf16
        /// A quarter of the memory, and some scales. Weights are rounded to 8 bits a block of 32, and so are the activations that they are
        /// multiplied with. Only the fast path reads it.
        case int8
    }

    public let rank: Int
    public let inputs: Int
    public let outputs: Int
    public let scale: Float
    public let element: Element
    /// `[rank]` and `[outputs]`; nil: all are 1.
    public let rankFactors: FloatBuffer?
    public let outputFactors: FloatBuffer?
    /// Bytes of both matrices, which other updates may share, and of the factors.
    public let byteCount: Int
    /// The matrices' part of it.
    let matrixBytes: Int
    /// `[rank, inputs]`, row-major, or as `Kernels.Int8Matrix.shrinking`.
    package let a: UnsafeRawPointer
    /// `[rank, outputs]`, row-major, or as `Kernels.Int8Matrix.expanding`.
    package let b: UnsafeRawPointer
    private let memory: MatrixMemory

    /// The same matrices, shared, with another factor.
    func scaled(by factor: Float) -> LowRank {
        LowRank(sharing: self, scale: scale * factor, rankFactors: rankFactors, outputFactors: outputFactors)
    }

    /// The same matrices, shared, with factors of its own, `[rank]` and `[outputs]`.
    package func with(rankFactors: FloatBuffer, outputFactors: FloatBuffer) -> LowRank {
        precondition(rankFactors.count == rank && outputFactors.count == outputs, "\(rankFactors.count) and \(outputFactors.count) factors for rank \(rank) and \(outputs) outputs")
        return LowRank(sharing: self, scale: scale, rankFactors: rankFactors, outputFactors: outputFactors)
    }

    private init(sharing other: LowRank, scale: Float, rankFactors: FloatBuffer?, outputFactors: FloatBuffer?) {
        (rank, inputs, outputs, element) = (other.rank, other.inputs, other.outputs, other.element)
        (a, b, matrixBytes, memory) = (other.a, other.b, other.matrixBytes, other.memory)
        (self.rankFactors, self.outputFactors) = (rankFactors, outputFactors)
        byteCount = matrixBytes + 4 * ((rankFactors?.count ?? 0) + (outputFactors?.count ?? 0))
        self.scale = scale
    }

    /// Whether the matrices are the same memory.
    package func sharesMatrices(with other: LowRank?) -> Bool { a == other?.a && b == other?.b }

    /// Bytes of some updates together; shared matrices count once.
    static func byteCount(_ updates: some Sequence<LowRank>) -> Int {
        var seen: Set<UnsafeRawPointer> = []
        return updates.reduce(0) { $0 + $1.byteCount - (seen.insert($1.a).inserted ? 0 : $1.matrixBytes) }
    }

    /// A copy of an f32 pair, multiplied by its factors: A `[rank, inputs]` and B transposed, `[rank, outputs]`.
    package var factors: (a: [Float], transposedB: [Float]) {
        precondition(element == .f32, "the factors of a pair in \(element.rawValue) were asked for, expected f32")
        func copy(_ matrix: UnsafeRawPointer, _ count: Int) -> [Float] {
            Array(UnsafeBufferPointer(start: matrix.assumingMemoryBound(to: Float.self), count: count))
        }
        var (a, b) = (copy(a, rank * inputs), copy(b, rank * outputs))
        if let rankFactors { for index in a.indices { a[index] *= rankFactors.pointer[index / inputs] } }
        if let outputFactors { for index in b.indices { b[index] *= outputFactors.pointer[index % outputs] } }
        return (a, b)
    }

    /// Copies values in the order of `factors`. Errors: `malformed` values that are not finite or that bf16 does not hold, `noMemory`.
    package convenience init(
        a: [Float], transposedB: [Float], rank: Int, inputs: Int, outputs: Int, scale: Float, element: Element
    ) throws(ModelError) {
        precondition(a.count == rank * inputs && transposedB.count == rank * outputs, "\(a.count) and \(transposedB.count) elements for rank \(rank), \(inputs) inputs and \(outputs) outputs")
        var b = [Float](repeating: 0, count: outputs * rank)
        for row in 0..<rank {
            for output in 0..<outputs { b[output * rank + row] = transposedB[row * outputs + output] }
        }
        guard (a + b).allSatisfy({ $0.isFinite && (element != .bf16 || $0.magnitude < 3.39e38) }) else {
            throw ModelError(.malformed, "a merged element is not finite")
        }
        try self.init(
            a: try Self.view("A", [rank, inputs], a), b: try Self.view("B", [outputs, rank], b), scale: scale, element: element)
    }

    /// Copies bf16 values in the order of `factors`: `a` `[rank, inputs]` and B transposed, `[rank, outputs]`. Errors: `malformed` values
    /// that are not finite, `noMemory`.
    public init(
        a: [UInt16], transposedB: [UInt16], rank: Int, inputs: Int, outputs: Int, scale: Float = 1
    ) throws(ModelError) {
        precondition(
            rank > 0 && a.count == rank * inputs && transposedB.count == rank * outputs,
            "\(a.count) and \(transposedB.count) elements for rank \(rank), \(inputs) inputs and \(outputs) outputs")
        guard (a + transposedB).allSatisfy({ $0 & 0x7F80 != 0x7F80 }) else {
            throw ModelError(.malformed, "an element of a low-rank map is not finite")
        }
        (self.rank, self.inputs, self.outputs, self.scale, element) = (rank, inputs, outputs, scale, .bf16)
        let bytes = Self.byteCounts(rank: rank, inputs: inputs, outputs: outputs, element: .bf16)
        matrixBytes = bytes.a + bytes.b
        byteCount = matrixBytes
        (rankFactors, outputFactors) = (nil, nil)
        memory = try ModelError.inMemory(of: "A") { () throws(ResourceError) in
            try MatrixMemory(byteCount: MatrixMemory.footprint(bytes.a) + MatrixMemory.footprint(bytes.b))
        }
        let (ownA, ownB) = (memory.take(bytes.a), memory.take(bytes.b))
        a.withUnsafeBytes { UnsafeMutableRawBufferPointer(start: ownA, count: bytes.a).copyMemory(from: $0) }
        transposedB.withUnsafeBytes { UnsafeMutableRawBufferPointer(start: ownB, count: bytes.b).copyMemory(from: $0) }
        (self.a, self.b) = (UnsafeRawPointer(ownA), UnsafeRawPointer(ownB))
    }

    private static func view(_ name: String, _ shape: [Int], _ values: [Float]) throws(ModelError) -> TensorView {
        let view = values.withUnsafeBytes { TensorView(name: name, dtype: .f32, shape: shape, copying: $0) }
        guard let view else { throw ModelError(.malformed, "a matrix of \(shape)", tensor: name) }
        return view
    }

    /// Copies two tensors of a PEFT file: `a` `[rank, inputs]` (`lora_A`) and `b` `[outputs, rank]` (`lora_B`), f32, f16 or
    /// bf16. Errors: `wrongShape` when either is no matrix, the ranks differ or are zero; `unsupported` element types; `noMemory`.
    public convenience init(a: TensorView, b: TensorView, scale: Float, element: Element) throws(ModelError) {
        try self.init(a: a, b: b, scale: scale, element: element, memory: nil)
    }

    /// Bytes that a pair takes from its adapter's memory.
    package static func footprint(a: TensorView, b: TensorView, element: Element) -> Int {
        let (first, second) = byteCounts(a: a, b: b, element: element)
        return MatrixMemory.footprint(first) + MatrixMemory.footprint(second)
    }

    /// Bytes of the two matrices.
    package static func byteCounts(a: TensorView, b: TensorView, element: Element) -> (a: Int, b: Int) {
        byteCounts(rank: a.rows, inputs: a.columns, outputs: b.rows, element: element)
    }

    package static func byteCounts(rank: Int, inputs: Int, outputs: Int, element: Element) -> (a: Int, b: Int) {
        switch element {
        case .f32: (4 * rank * inputs, 4 * rank * outputs)
        case .bf16: (2 * rank * inputs, 2 * rank * outputs)
        case .int8:
            (
                Kernels.Int8Matrix.shrinking(nil, rank: rank, inputs: inputs).byteCount,
                Kernels.Int8Matrix.expanding(nil, outputs: outputs, rank: rank).byteCount
            )
        }
    }

    /// The same in a piece of `memory`, which has the pair's `footprint` left; nil: in memory of its own.
    package init(a: TensorView, b: TensorView, scale: Float, element: Element, memory: MatrixMemory?) throws(ModelError) {
        for view in [a, b] {
            guard view.shape.count == 2, view.elementCount > 0 else {
                throw ModelError(
                    .wrongShape, "the shape is \(view.shape), expected a matrix that is not empty", tensor: view.name)
            }
            guard view.dtype == .f32 || view.dtype == .f16 || view.dtype == .bf16 else {
                throw ModelError(
                    .unsupported, "elements are \(view.dtype.name), expected f32, f16 or bf16", tensor: view.name)
            }
        }
        guard b.shape[1] == a.shape[0] else {
            throw .wrongShape(b.name, found: b.shape, expected: [b.shape[0], a.shape[0]])
        }
        (rank, inputs, outputs) = (a.shape[0], a.shape[1], b.shape[0])
        self.scale = scale
        self.element = element
        let bytes = Self.byteCounts(a: a, b: b, element: element)
        matrixBytes = bytes.a + bytes.b
        byteCount = matrixBytes
        (rankFactors, outputFactors) = (nil, nil)
        if let memory {
            self.memory = memory
        } else {
            self.memory = try ModelError.inMemory(of: a.name) { () throws(ResourceError) in
                try MatrixMemory(byteCount: Self.footprint(a: a, b: b, element: element))
            }
        }
        let (ownA, ownB) = (self.memory.take(bytes.a), self.memory.take(bytes.b))
        switch element {
        case .f32, .bf16:
            let stored: Kernels.LowRankElement = element == .f32 ? .f32 : .bf16
            a.copyElements(as: stored, into: ownA)
            b.transposeElements(as: stored, into: ownB)
        case .int8:
            a.packElements(as: .shrinking(ownA, rank: rank, inputs: inputs), into: ownA)
            b.packElements(as: .expanding(ownB, outputs: outputs, rank: rank), into: ownB)
        }
        (self.a, self.b) = (UnsafeRawPointer(ownA), UnsafeRawPointer(ownB))
    }
}
