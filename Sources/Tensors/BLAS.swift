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

    /// `y = xᵀ w`: x is `[rows, outputs]`, w `[rows, inputs]`, y `[outputs, inputs]`, all row-major without gaps.
    public static func multiply(
        transposing x: UnsafePointer<Float>, by w: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, rows: Int, inputs: Int,
        outputs: Int
    ) {
        guard rows > 0, outputs > 0, inputs > 0 else { return }
        cblas_sgemm(
            CblasRowMajor, CblasTrans, CblasNoTrans, Int32(outputs), Int32(inputs), Int32(rows), 1, x, Int32(outputs), w,
            Int32(inputs), 0, y, Int32(inputs))
    }

    /// `y += scale xᵀ x`, the lower triangle: x is `[rows, columns]`, y `[columns, columns]`.
    public static func addGram(
        _ x: UnsafePointer<Float>, rows: Int, columns: Int, scale: Float = 1, into y: UnsafeMutablePointer<Float>
    ) {
        guard rows > 0, columns > 0 else { return }
        cblas_ssyrk(
            CblasRowMajor, CblasLower, CblasTrans, Int32(columns), Int32(rows), scale, x, Int32(columns), 1, y, Int32(columns))
    }

    /// How many threads OpenBLAS starts; process-wide.
    public static func setThreads(_ count: Int) { openblas_set_num_threads(Int32(count)) }
}

/// Plain products, `y = x w`: x is `[rows, inner]`, w `[inner, columns]`, y `[rows, columns]`, all row-major without gaps.
extension BLAS {
    public static func product(
        _ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, rows: Int, inner: Int, columns: Int
    ) {
        guard rows > 0, columns > 0, inner > 0 else { return }
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(rows), Int32(columns), Int32(inner), 1, x, Int32(inner), w, Int32(columns), 0, y,
            Int32(columns))
    }

    /// In f64.
    public static func product(_ x: [Double], _ w: [Double], rows: Int, inner: Int, columns: Int) -> [Double] {
        precondition(x.count == rows * inner && w.count == inner * columns, "\(x.count) and \(w.count) elements for \(rows), \(inner) and \(columns)")
        guard rows > 0, columns > 0, inner > 0 else { return [Double](repeating: 0, count: rows * columns) }
        return [Double](unsafeUninitializedCapacity: rows * columns) { buffer, count in
            cblas_dgemm(
                CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(rows), Int32(columns), Int32(inner), 1, x, Int32(inner), w, Int32(columns), 0,
                buffer.baseAddress, Int32(columns))
            count = rows * columns
        }
    }
}
