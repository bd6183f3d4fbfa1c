extension TensorView {
    /// A copy in f32 of a matrix's first rows and columns, under its name; `dtype.isFloatingPoint` is required.
    package func corner(rows: Int, columns: Int) -> TensorView {
        precondition(shape.count == 2 && 0...self.rows ~= rows && 0...self.columns ~= columns, "a corner of \(rows) x \(columns) of a tensor of shape \(shape)")
        let width = self.columns
        var row = [Float](repeating: 0, count: width)
        let values = [Float](unsafeUninitializedCapacity: rows * columns) { buffer, count in
            for index in 0..<rows {
                row.withUnsafeMutableBufferPointer { row in
                    guard let source = row.baseAddress, let target = buffer.baseAddress else { return }
                    dequantizeRows(index..<index + 1, into: source)
                    (target + index * columns).initialize(from: source, count: columns)
                }
            }
            count = rows * columns
        }
        let copy = values.withUnsafeBytes { TensorView(name: name, dtype: .f32, shape: [rows, columns], copying: $0) }
        guard let copy else { preconditionFailure("the corner of \(name) has no valid shape") }
        return copy
    }
}
