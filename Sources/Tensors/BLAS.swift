internal import COpenBLAS

/// Dense f32 products by OpenBLAS, for the reference path: its order of operations depends on the shapes.
public enum BLAS {
    /// `y = x wᵀ`: x is `[rows, inputs]`, w `[outputs, inputs]`, y `[rows, outputs]`, all row-major without gaps.
    public static func multiply(
        x: UnsafePointer<Float>, w: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, rows: Int, inputs: Int, outputs: Int
    ) {
        guard rows > 0, outputs > 0 else { return }
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, Int32(rows), Int32(outputs), Int32(inputs), 1, x, Int32(max(inputs, 1)), w,
            Int32(max(inputs, 1)), 0, y, Int32(outputs))
    }

    /// How many threads OpenBLAS starts; process-wide.
    public static func setThreads(_ count: Int) { openblas_set_num_threads(Int32(count)) }
}
