internal import Synchronization
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
        let results = Mutex((packed: [PackedMatrix?](repeating: nil, count: views.count), error: TensorError?.none))
        pool.run { thread in
            for index in stride(from: thread, to: views.count, by: pool.threads) {
                do throws(TensorError) {
                    let matrix = try PackedMatrix(packing: views[index].view, rowOrder: views[index].rowOrder)
                    results.withLock { $0.packed[index] = matrix }
                } catch {
                    results.withLock { $0.error = error }
                    return
                }
                // Every few matrices: dropping pages is cheap, but not free.
                if index % 32 == 0 { mappedFiles.forEach { $0.advise(.dontNeed) } }
            }
        }
        mappedFiles.forEach { $0.advise(.dontNeed) }
        let (packed, error) = results.withLock { ($0.packed, $0.error) }
        if let error {
            throw ModelError(
                error.code == .unsupportedType ? .unsupported : .malformed, error.message, file: mappedFiles.first?.path,
                tensor: error.tensor)
        }
        return packed.compactMap { $0 }
    }
}
