internal import Tensors

/// Where the blocks of a result go.
struct MergeOutput {
    let columns: Int
    let tensor: String?
    let write: (Range<Int>, UnsafePointer<Float>) throws(MergeError) -> Void

    func callAsFunction(_ rows: Range<Int>, _ values: UnsafePointer<Float>) throws(MergeError) {
        guard Kernels.nonFinite(values, count: rows.count * columns) == 0 else {
            let places = (0..<rows.count * columns).first { !values[$0].isFinite } ?? 0
            throw MergeError(
                .nonFinite,
                "the merge gives a number that f32 cannot hold in row \(rows.lowerBound + places / columns), column \(places % columns): look at the recipe's weights",
                tensor: tensor)
        }
        try write(rows, values)
    }
}
