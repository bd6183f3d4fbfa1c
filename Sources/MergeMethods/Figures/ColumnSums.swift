internal import Tensors

/// Products of two vectors a column, in f64: of the first with itself, of both, of the second with itself. Each segment has its own.
final class ColumnSums {
    private let columns: Int
    private let segments: Int
    /// `[segments, 3, columns]`
    private let sums: UnsafeMutablePointer<Double>

    init(columns: Int, pass: MergePass) {
        self.columns = columns
        segments = pass.layout.segments
        sums = .allocate(capacity: max(1, segments * 3 * columns))
        sums.initialize(repeating: 0, count: segments * 3 * columns)
    }

    deinit { sums.deallocate() }

    /// The vectors are in the first two buffers.
    func add(_ block: MergeBlock) {
        let own = sums + block.segment * 3 * columns
        for row in 0..<block.rows.count {
            let (one, two) = (block.buffers[0] + row * columns, block.buffers[1] + row * columns)
            for column in 0..<columns {
                let (a, b) = (Double(one[column]), Double(two[column]))
                own[column] += a * a
                own[columns + column] += a * b
                own[2 * columns + column] += b * b
            }
        }
    }

    func total(_ figure: Int, _ column: Int) -> Double {
        (0..<segments).reduce(0) { $0 + sums[($1 * 3 + figure) * columns + column] }
    }
}
