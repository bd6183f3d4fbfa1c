internal import Tensors

/// Packs the matrices of a model on all threads.
enum Packing {
    /// Whether a packed matrix holds a type's values exactly.
    static func isExact(_ dtype: DType) -> Bool {
        switch dtype {
        case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0: true
        default: false
        }
    }

    /// In the order given. The pages of `mappedFiles` are given back as packing goes on, so that the file and the packed weights
    /// are not both in memory. Errors: `malformed` weights that are not finite, `unsupported` types.
    static func pack(
        _ views: [(view: TensorView, rowOrder: [Int]?)], mappedFiles: [MappedFile], pool: WorkerPool
    ) throws(ModelError) -> [PackedMatrix] {
        defer { mappedFiles.forEach { $0.advise(.dontNeed) } }
        do throws(TensorError) {
            return try PackedMatrix.pack(views, pool: pool) { piece in
                // Every few pieces: dropping pages is cheap, but not free.
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
