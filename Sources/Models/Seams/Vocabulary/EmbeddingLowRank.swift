public import Tensors

/// The low-rank update of an embedding table: `scale * (A^T[token]) B^T` is added to a token's row.
///
/// Memory: A is kept transposed, `[vocabulary, rank]`, so that a token's values lie side by side, and B `[rank, hidden]`; f32, or bf16 for
/// adapters that are bf16 or int8. `@unchecked Sendable`: filled in `init` and only read after.
public final class EmbeddingLowRank: @unchecked Sendable {
    public let rank: Int
    public let vocabulary: Int
    public let hidden: Int
    public let scale: Float
    public let byteCount: Int
    private let memory: MatrixMemory
    private let entry: View

    /// Copies `a` `[rank, vocabulary]` (`lora_embedding_A`) and `b` `[hidden, rank]` (`lora_embedding_B`), f32, f16 or bf16. Errors:
    /// `wrongShape`, `unsupported` element types, `noMemory`.
    public init(a: TensorView, b: TensorView, scale: Float, element: LowRank.Element) throws(ModelError) {
        try ModelError.checkMatrix(a)
        try ModelError.checkMatrix(b)
        guard b.shape[1] == a.shape[0] else { throw .wrongShape(b.name, found: b.shape, expected: [b.shape[0], a.shape[0]]) }
        (rank, vocabulary, hidden) = (a.shape[0], a.shape[1], b.shape[0])
        self.scale = scale
        let stored = Self.stored(element)
        byteCount = Self.byteCount(a: a, b: b, element: element)
        let bytes = (a: stored.bytes * a.elementCount, b: stored.bytes * b.elementCount)
        memory = try ModelError.inMemory(of: a.name) { () throws(ResourceError) in
            try MatrixMemory(byteCount: MatrixMemory.footprint(bytes.a) + MatrixMemory.footprint(bytes.b))
        }
        let (ownA, ownB) = (memory.take(bytes.a), memory.take(bytes.b))
        a.transposeElements(as: stored, into: ownA)
        b.transposeElements(as: stored, into: ownB)
        entry = View(a: UnsafeRawPointer(ownA), b: UnsafeRawPointer(ownB), element: stored, rank: rank, hidden: hidden, scale: scale)
    }

    package static func byteCount(a: TensorView, b: TensorView, element: LowRank.Element) -> Int {
        stored(element).bytes * (a.elementCount + b.elementCount)
    }

    private static func stored(_ element: LowRank.Element) -> Kernels.LowRankElement { element == .f32 ? .f32 : .bf16 }

    var view: View { entry }

    /// Borrowed, for inner loops.
    struct View {
        let a: UnsafeRawPointer
        let b: UnsafeRawPointer
        let element: Kernels.LowRankElement
        let rank: Int
        let hidden: Int
        let scale: Float

        /// `e += scale * (A^T[token]) B^T`, e is `[hidden]`. Cost: `O(rank * hidden)`.
        func add(_ token: Int, to e: UnsafeMutablePointer<Float>) {
            withUnsafeTemporaryAllocation(of: Float.self, capacity: Self.piece) { h in
                guard let h = h.baseAddress else { return }
                var first = 0
                while first < rank {
                    let count = min(Self.piece, rank - first)
                    read(token * rank + first, count, into: h)
                    Kernels.lowRankExpand(
                        h, b: b + first * hidden * element.bytes, element: element, rank: count, outputs: 0..<hidden,
                        totalOutputs: hidden, into: e)
                    first += count
                }
            }
        }

        /// Ranks that fit the stack: 256 bytes.
        private static var piece: Int { 64 }

        private func read(_ first: Int, _ count: Int, into h: UnsafeMutablePointer<Float>) {
            for index in 0..<count {
                let value: Float
                switch element {
                case .f32: value = a.load(fromByteOffset: 4 * (first + index), as: Float.self)
                case .bf16:
                    value = Float(bitPattern: UInt32(a.load(fromByteOffset: 2 * (first + index), as: UInt16.self)) << 16)
                }
                h[index] = scale * value
            }
        }
    }
}
