import CKernels
import Testing

/// Every number of rows from 1 to 33 gives each row the bits that the scalar kernel gives it alone: low-rank products. Those of
/// packed weights and of attention stand with their other tests.
@Suite struct RowCountTests {
    @Test(arguments: implementations, [CK_LOW_RANK_F32, CK_LOW_RANK_BF16])
    func lowRank(name: String, element: ck_low_rank_element) {
        for (rank, inputs, outputs) in [(1, 33, 7), (5, 50, 70), (16, 64, 35)] {
            var numbers = Numbers(rank)
            // In the order of memory: an f32 is its lower half and then its upper one, which alone is the bf16.
            func matrix(_ count: Int) -> [UInt16] {
                numbers.floats(count).flatMap { value -> [UInt16] in
                    let upper = UInt16(value.bitPattern >> 16)
                    return element == CK_LOW_RANK_BF16 ? [upper] : [UInt16(truncatingIfNeeded: value.bitPattern), upper]
                }
            }
            let a = matrix(rank * inputs), b = matrix(rank * outputs)
            let x = numbers.floats(33 * inputs), start = numbers.floats(33 * outputs)
            func run(_ rows: Range<Int>, by name: String) -> [Float] {
                let k = kernels(name).low_rank
                var h = [Float](repeating: .nan, count: rows.count * rank)
                var y = Array(start[rows.lowerBound * outputs..<rows.upperBound * outputs])
                k.shrink(Array(x[rows.lowerBound * inputs..<rows.upperBound * inputs]), inputs, rows.count, a, element, nil, rank, inputs, 0.5, &h, rank)
                k.expand(h, rank, rows.count, b, element, nil, rank, 0, outputs, outputs, &y, outputs)
                return y
            }
            let alone = (0..<33).map { run($0..<$0 + 1, by: "scalar") }
            for rows in 1...33 {
                #expect(bits(run(0..<rows, by: name)) == bits(Array(alone[..<rows].joined())), "rank \(rank), \(rows) rows")
            }
        }
    }
}
