/// A figure with its 95 % interval.
public struct Estimate: Sendable, Equatable {
    public var value: Double
    /// Nil where too few rows were measured.
    public var interval: ClosedRange<Double>?

    public init(value: Double, interval: ClosedRange<Double>?) {
        self.value = value
        self.interval = interval
    }
}

/// What one candidate scored in one measure.
public struct MeasuredScore: Sendable, Equatable {
    public enum Verdict: String, Sendable {
        case better
        case worse
        /// The interval of the difference holds 0: it may be chance.
        case unclear
    }

    public var score: Estimate
    /// This one less the base, on the same rows; nil of the base.
    public var difference: Estimate?
    /// Rows that were measured.
    public var rows: Int

    public func verdict(_ measure: Measure) -> Verdict? {
        guard let difference else { return nil }
        guard let interval = difference.interval, !interval.contains(0) else { return .unclear }
        return (interval.lowerBound > 0) != measure.isLowerBetter ? .better : .worse
    }
}
