import CKernels
import Testing

/// f32 values as an adapter stores them, and what they then are.
private func stored(_ values: [Float], _ element: ck_low_rank_element) -> (bytes: [UInt8], values: [Float]) {
    if element == CK_LOW_RANK_F32 { return (values.withUnsafeBytes(Array.init), values) }
    let halves = values.map { UInt16($0.bitPattern >> 16) }
    return (halves.withUnsafeBytes(Array.init), halves.map { Float(bitPattern: UInt32($0) << 16) })
}

@Suite struct LowRankTests {
    /// Odd ranks have factors for their ranks and outputs.
    @Test(arguments: [CK_LOW_RANK_F32, CK_LOW_RANK_BF16], [1, 2, 3, 4, 7, 8, 16, 33])
    func productsEqualTheFormulaAloneAndInBatches(element: ck_low_rank_element, rank: Int) {
        for (inputs, outputs) in [(576, 192), (50, 70), (1, 1), (16, 15), (31, 100)] {
            var numbers = Numbers(rank + inputs)
            let a = stored(numbers.floats(rank * inputs), element), b = stored(numbers.floats(rank * outputs), element)
            let x = numbers.floats(9 * inputs), start = numbers.floats(9 * outputs)
            let isScaled = rank % 2 == 1
            let rankFactors = isScaled ? numbers.floats(rank) : nil, outputFactors = isScaled ? numbers.floats(outputs) : nil
            var first: [Float] = []
            for name in implementations {
                let k = kernels(name).low_rank
                func run(_ rows: Range<Int>) -> [Float] {
                    var h = [Float](repeating: .nan, count: rows.count * rank)
                    var y = Array(start[rows.lowerBound * outputs..<rows.upperBound * outputs])
                    let part = Array(x[rows.lowerBound * inputs..<rows.upperBound * inputs])
                    k.shrink(part, inputs, rows.count, a.bytes, element, rankFactors, rank, inputs, 0.5, &h, rank)
                    // In two slices, as two threads would.
                    let cut = outputs / 2
                    k.expand(h, rank, rows.count, b.bytes, element, outputFactors, rank, 0, cut, outputs, &y, outputs)
                    k.expand(h, rank, rows.count, b.bytes, element, outputFactors, rank, cut, outputs, outputs, &y, outputs)
                    return y
                }
                let whole = run(0..<9)
                if first.isEmpty { first = whole }
                #expect(bits(whole) == bits(first), "\(name)")
                for rows in [1, 2, 3, 5, 8] {
                    let joined = stride(from: 0, to: 9, by: rows).flatMap { run($0..<min($0 + rows, 9)) }
                    #expect(bits(joined) == bits(whole), "\(name), \(rows) rows")
                }
            }
            for row in 0..<9 {
                let h = (0..<rank).map { r -> Double in
                    var sum = 0.0
                    for k in 0..<inputs { sum += Double(a.values[r * inputs + k]) * Double(x[row * inputs + k]) }
                    return sum * 0.5 * Double(rankFactors?[r] ?? 1)
                }
                for output in stride(from: 0, to: outputs, by: 7) {
                    var expected = Double(start[row * outputs + output])
                    for r in 0..<rank { expected += h[r] * Double(b.values[r * outputs + output] * (outputFactors?[output] ?? 1)) }
                    #expect(abs(Double(first[row * outputs + output]) - expected) < 2e-4)
                }
            }
        }
    }
}
