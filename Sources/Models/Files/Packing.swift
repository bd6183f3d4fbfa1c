internal import Tensors

/// Packs the matrices of a model on all threads.
enum Packing {
    /// Whether a packed matrix holds a type's values exactly.
    static func isExact(_ dtype: DType) -> Bool { dtype.isQuantized }

    /// Results are in the order of `views`. The pages of `mappedFiles` are given back during packing, so that the file and the packed weights
    /// are not both in memory. Errors: `malformed` weights that are not finite, `unsupported` types, `noMemory`.
    static func pack(
        _ views: [(view: TensorView, rowOrder: [Int]?)], mappedFiles: [MappedFile], pool: WorkerPool
    ) throws(ModelError) -> [PackedMatrix] {
        defer { mappedFiles.forEach { $0.advise(.dontNeed) } }
        do throws(TensorError) {
            return try PackedMatrix.pack(views, pool: pool) { piece in
                // Every few pieces, as dropping pages has a cost.
                if piece % 4 == 3 { mappedFiles.forEach { $0.advise(.dontNeed) } }
            }
        } catch {
            let code: ModelError.Code =
                switch error.code {
                case .unsupportedType: .unsupported
                case .noMemory: .noMemory
                case .wrongShape, .notFinite: .malformed
                }
            throw ModelError(code, error.message, file: mappedFiles.first?.path, tensor: error.tensor)
        }
    }
}
