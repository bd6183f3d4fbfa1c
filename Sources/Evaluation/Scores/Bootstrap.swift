import Foundation
import Tuning

/// Percentile intervals by the bootstrap (Efron 1979): rows are drawn with return, and each draw gives all candidates' figures and, paired,
/// their differences from the first one's.
///
/// The draws depend on the seed and the number of rows only.
public struct Bootstrap: Sendable {
    public static let standardDraws = 2_000
    /// Below so many rows an interval would say more than the data do.
    public static let fewestRows = 5

    public var draws: Int
    public var seed: UInt64

    public init(draws: Int = standardDraws, seed: UInt64 = 0) {
        precondition(draws > 0, "a bootstrap of \(draws) draws")
        self.draws = draws
        self.seed = seed
    }

    /// The figures of several candidates on the same rows; the first is the base. A candidate without a measured row has nil; rows that one
    /// of the others lacks are left out for all.
    ///
    /// - Parameters:
    ///   - areShares: rows score from 0 to 1. Where all have 0, or all have 1, draws say nothing; the end of the interval is then that of
    ///     Clopper and Pearson (1934).
    ///   - transform: monotone, from a mean to the figure.
    /// Cost: `O(draws * rows * candidates)`.
    public func scores(
        _ candidates: [ItemScores], areShares: Bool = false, transform: (Double) -> Double = { $0 }
    ) -> [MeasuredScore?] {
        let measured = candidates.indices.filter { candidates[$0].count > 0 }
        let size = candidates.first?.weights.count ?? 0
        let rows = (0..<size).filter { row in measured.allSatisfy { candidates[$0].weights[row] > 0 } }
        guard !rows.isEmpty, !measured.isEmpty else { return candidates.map { _ in nil } }
        let values = measured.map { transform(Self.mean(candidates[$0], rows)) }
        let hasBase = measured.first == 0
        var figures = measured.map { _ in [Double]() }
        var differences = figures
        if rows.count >= Self.fewestRows {
            var source = Permutation(seed: seed, stream: 0x424F_4F54)
            for _ in 0..<draws {
                let drawn = rows.indices.map { _ in rows[source.below(rows.count)] }
                let means = measured.map { transform(Self.mean(candidates[$0], drawn)) }
                for index in measured.indices {
                    figures[index].append(means[index])
                    differences[index].append(means[index] - means[0])
                }
            }
        }
        var scores: [MeasuredScore?] = candidates.map { _ in nil }
        for (index, candidate) in measured.enumerated() {
            let difference = Estimate(value: values[index] - values[0], interval: Self.interval(differences[index]))
            var interval = Self.interval(figures[index])
            if areShares, interval != nil { interval = Self.interval(ofEqual: values[index], rows: rows.count) ?? interval }
            scores[candidate] = MeasuredScore(
                score: Estimate(value: values[index], interval: interval),
                difference: candidate > 0 && hasBase ? difference : nil, rows: rows.count)
        }
        return scores
    }

    /// Of a share that is 0 or 1 on all rows; nil of others.
    private static func interval(ofEqual share: Double, rows: Int) -> ClosedRange<Double>? {
        let end = pow(0.025, 1 / Double(rows))
        return share == 0 ? 0...(1 - end) : share == 1 ? end...1 : nil
    }

    private static func mean(_ scores: ItemScores, _ rows: [Int]) -> Double {
        var (sum, weight) = (0.0, 0.0)
        for row in rows {
            sum += scores.sums[row]
            weight += scores.weights[row]
        }
        return sum / weight
    }

    /// Between the 2.5th and the 97.5th percentile, interpolated as NumPy does by default.
    static func interval(_ figures: [Double]) -> ClosedRange<Double>? {
        guard figures.count > 1, figures.allSatisfy(\.isFinite) else { return nil }
        let sorted = figures.sorted()
        func percentile(_ share: Double) -> Double {
            let place = share * Double(sorted.count - 1)
            let low = Int(place)
            let high = min(low + 1, sorted.count - 1)
            return sorted[low] + (place - Double(low)) * (sorted[high] - sorted[low])
        }
        let low = percentile(0.025)
        return low...max(low, percentile(0.975))
    }
}
