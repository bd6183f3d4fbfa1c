public import Tensors

/// An adapter's own matrix `[vocabulary, hidden]`: an embedding table, a head, or both at once where they are tied.
///
/// Memory: 8 bits a weight and scales (`PackedMatrix`) for the fast path, f32 for elements that the reference path reads as well.
public final class VocabularyMatrix: Sendable {
    /// Tokens.
    public let rows: Int
    /// Width of the residual stream.
    public let columns: Int
    public let byteCount: Int
    private let storage: Storage

    private enum Storage: Sendable {
        case packed(PackedMatrix)
        case floats(FloatBuffer)
    }

    /// Copies a tensor of f32, f16 or bf16. Cost: one pass. Errors: `wrongShape`, `unsupported` element types, `malformed` elements
    /// that are not finite or too large to pack.
    public init(_ view: TensorView, element: LowRank.Element) throws(ModelError) {
        try ModelError.checkMatrix(view)
        (rows, columns) = (view.shape[0], view.shape[1])
        byteCount = Self.byteCount(rows: view.shape[0], columns: view.shape[1], element: element)
        switch element {
        case .int8:
            do throws(TensorError) {
                storage = .packed(try PackedMatrix(packing: view))
            } catch {
                throw ModelError(error.code == .noMemory ? .noMemory : .malformed, error.message, tensor: view.name)
            }
        case .f32, .bf16:
            let floats = try ModelError.inMemory(of: view.name) { () throws(ResourceError) in
                try FloatBuffer(view.elementCount, for: "a vocabulary matrix")
            }
            view.dequantize(into: floats.pointer)
            storage = .floats(floats)
        }
    }

    /// Bytes that such a matrix takes; 8-bit ones are whole groups of 16 rows and of 32 columns.
    package static func byteCount(rows: Int, columns: Int, element: LowRank.Element) -> Int {
        switch element {
        case .int8: PackedMatrix.byteCount8(outputs: rows, inputs: columns)
        case .f32, .bf16: 4 * rows * columns
        }
    }

    var isPacked: Bool { if case .packed = storage { true } else { false } }

    /// The weights as plain values for inner loops. Valid as long as this object lives.
    var view: View {
        switch storage {
        case .packed(let matrix): View(packed: matrix.view, floats: nil, rows: rows, columns: columns)
        case .floats(let floats): View(packed: nil, floats: UnsafePointer(floats.pointer), rows: rows, columns: columns)
        }
    }

    /// Either `packed` or `floats` is set.
    struct View {
        let packed: PackedMatrix.View?
        let floats: UnsafePointer<Float>?
        let rows: Int
        let columns: Int

        /// A token's row as f32.
        func read(_ token: Int, into y: UnsafeMutablePointer<Float>) {
            if let packed { packed.dequantizeRow(token, columns: columns, into: y) }
            if let floats { y.update(from: floats + token * columns, count: columns) }
        }
    }
}

extension ModelError {
    /// Throws unless a tensor is a matrix with elements of f32, f16 or bf16.
    static func checkMatrix(_ view: TensorView) throws(ModelError) {
        guard view.shape.count == 2, view.elementCount > 0 else {
            throw ModelError(.wrongShape, "the shape is \(view.shape), expected a matrix that is not empty", tensor: view.name)
        }
        guard view.dtype == .f32 || view.dtype == .f16 || view.dtype == .bf16 else {
            throw ModelError(.unsupported, "elements are \(view.dtype.name), expected f32, f16 or bf16", tensor: view.name)
        }
    }
}
