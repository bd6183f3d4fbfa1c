internal import MergeMethods

extension MergeError {
    /// Throws `nonFinite`, which names the row, unless all elements of `[rows, columns]` are finite. Cost: one pass.
    static func checkFinite(
        _ values: UnsafePointer<Float>, _ rows: Range<Int>, columns: Int, file: String, tensor: String
    ) throws(MergeError) {
        // A product with zero is zero for finite numbers and NaN for others, so one sum tells of all.
        let count = rows.count * columns
        var sums = SIMD16<Float>(repeating: 0)
        var index = 0
        while index + 16 <= count {
            sums += UnsafeRawPointer(values + index).loadUnaligned(as: SIMD16<Float>.self) * 0
            index += 16
        }
        var sum = sums.sum()
        while index < count {
            sum += values[index] * 0
            index += 1
        }
        guard sum != 0, let place = (0..<count).first(where: { !values[$0].isFinite }) else { return }
        throw MergeError(
            .nonFinite, "row \(rows.lowerBound + place / max(columns, 1)) has the element \(values[place]), expected finite numbers", file: file,
            tensor: tensor)
    }
}
