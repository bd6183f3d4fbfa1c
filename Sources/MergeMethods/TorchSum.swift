/// The order in which PyTorch adds a few numbers that lie one after the other (`sum` over the inner dimension on a CPU, 2.x).
///
/// Weights are added so, and normalised results depend on each bit of it.
enum TorchSum {
    static func of(_ values: [Float]) -> Float {
        let lanes = 8
        guard values.count >= lanes else { return byFours(values) }
        let whole = values.count / lanes * lanes
        var sum = values[whole...].reduce(0, +)
        for lane in 0..<lanes { sum += byFours(stride(from: lane, to: whole, by: lanes).map { values[$0] }) }
        return sum
    }

    /// Four sums of every fourth number; the numbers that are left over go to the first.
    private static func byFours(_ values: [Float]) -> Float {
        let whole = values.count / 4 * 4
        var sums = [Float](repeating: 0, count: 4)
        for index in 0..<whole { sums[index % 4] += values[index] }
        for index in whole..<values.count { sums[0] += values[index] }
        return ((sums[0] + sums[1]) + sums[2]) + sums[3]
    }
}
