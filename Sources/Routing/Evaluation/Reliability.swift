/// How well probabilities agree with the share of right answers.
public struct Reliability: Sendable {
    /// The texts whose probability lies in one fifteenth of 0...1.
    public struct Bin: Sendable, Equatable {
        public var count = 0
        public var right = 0
        /// The sum over its texts.
        public var probability = 0.0
    }

    private static let binCount = 15
    public private(set) var bins = [Bin](repeating: Bin(), count: binCount)

    public init() {}

    public mutating func add(_ probability: Double, isRight: Bool) {
        let bin = min(max(Int(probability * Double(Self.binCount)), 0), Self.binCount - 1)
        bins[bin].count += 1
        bins[bin].probability += probability
        bins[bin].right += isRight ? 1 : 0
    }

    /// The expected calibration error: the mean over texts of |mean probability - share that was right| of their bin, of 15 equal
    /// bins (Guo et al. 2017).
    public var expectedCalibrationError: Double {
        let total = bins.reduce(0) { $0 + $1.count }
        guard total > 0 else { return 0 }
        return bins.reduce(0) { $0 + abs($1.probability - Double($1.right)) } / Double(total)
    }
}
