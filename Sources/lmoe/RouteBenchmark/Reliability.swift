/// How far probabilities are from what happens.
struct Reliability: Sendable {
    private static let bins = 15
    private var sums = [(count: Int, probability: Double, right: Int)](repeating: (0, 0, 0), count: bins)

    mutating func add(_ probability: Double, isRight: Bool) {
        let bin = min(max(Int(probability * Double(Self.bins)), 0), Self.bins - 1)
        sums[bin].count += 1
        sums[bin].probability += probability
        sums[bin].right += isRight ? 1 : 0
    }

    /// The expected calibration error: the mean over texts of |mean probability - share that was right| of their bin, of 15 equal
    /// bins (Guo et al. 2017).
    var expectedCalibrationError: Double {
        let total = sums.reduce(0) { $0 + $1.count }
        guard total > 0 else { return 0 }
        return sums.reduce(0) { $0 + abs($1.probability - Double($1.right)) } / Double(total)
    }
}
