/// The scores of one measure, row by row, of which the result is `sum / weight` over all rows: a mean over rows, or over tokens.
public struct ItemScores: Sendable, Equatable {
    public private(set) var sums: [Double]
    /// Zero: the row was not measured.
    public private(set) var weights: [Double]

    public init(count: Int) {
        sums = [Double](repeating: 0, count: count)
        weights = sums
    }

    public mutating func set(_ item: Int, _ sum: Double, weight: Double = 1) {
        sums[item] = sum
        weights[item] = weight
    }

    /// Nil: not measured.
    public subscript(item: Int) -> Double? { weights[item] > 0 ? sums[item] / weights[item] : nil }

    public var count: Int { weights.count { $0 > 0 } }
}
