public import Tensors

/// The two matrices of a low-rank update, `scale * B (A x)`.
///
/// Memory: `rank * (inputs + outputs)` elements, 64-byte aligned, its own or a part of its adapter's. `A` is `[rank, inputs]` and `B` is kept transposed,
/// `[rank, outputs]`, so that a slice of the outputs reads whole rows. Output rows are in the order of Hugging Face
/// checkpoints.
///
/// `@unchecked Sendable`: the memory is filled in `init` and only read after.
public final class LowRank: @unchecked Sendable {
    /// How elements are kept in memory; sums are f32 in both.
    public enum Element: String, Sendable, CaseIterable {
        case f32
        /// Half the memory; f32 and f16 files are rounded to nearest, ties to even.
        case bf16

        var bytes: Int { self == .f32 ? 4 : 2 }
        var stored: Kernels.LowRankElement { self == .f32 ? .f32 : .bf16 }
    }

    public let rank: Int
    public let inputs: Int
    public let outputs: Int
    public let scale: Float
    public let element: Element
    /// Bytes of both matrices.
    public let byteCount: Int
    /// `[rank, inputs]`, row-major.
    package let a: UnsafeRawPointer
    /// `[rank, outputs]`, row-major.
    package let b: UnsafeRawPointer
    private let memory: MatrixMemory

    /// Copies two tensors of a PEFT file: `a` `[rank, inputs]` (`lora_A`) and `b` `[outputs, rank]` (`lora_B`), f32, f16 or
    /// bf16. Errors: `wrongShape` when either is no matrix, the ranks differ or are zero; `unsupported` element types.
    public convenience init(a: TensorView, b: TensorView, scale: Float, element: Element) throws(ModelError) {
        try self.init(a: a, b: b, scale: scale, element: element, memory: nil)
    }

    /// Bytes that a pair takes from its adapter's memory.
    package static func footprint(a: TensorView, b: TensorView, element: Element) -> Int {
        MatrixMemory.footprint(a.elementCount * element.bytes) + MatrixMemory.footprint(b.elementCount * element.bytes)
    }

    /// The same with room from `memory`, which has the pair's `footprint` left.
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
        byteCount = rank * (inputs + outputs) * element.bytes
        self.memory = memory ?? MatrixMemory(byteCount: Self.footprint(a: a, b: b, element: element))
        let (ownA, ownB) = (self.memory.take(a.elementCount * element.bytes), self.memory.take(b.elementCount * element.bytes))
        a.copyElements(as: element.stored, into: ownA)
        b.transposeElements(as: element.stored, into: ownB)
        (self.a, self.b) = (UnsafeRawPointer(ownA), UnsafeRawPointer(ownB))
    }
}
