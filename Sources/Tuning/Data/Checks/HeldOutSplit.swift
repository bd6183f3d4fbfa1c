import Tensors

/// How many rows of a file are held out of training, to measure the loss on rows that the adapter has not seen.
public enum HeldOutSize: Sendable, Equatable {
    /// Of all rows, from 0 to 0.5, rounded: a few rows hold none out.
    case fraction(Double)
    case count(Int)

    /// Errors: `invalidSetting`.
    func rows(of total: Int) throws(TuningError) -> Int {
        switch self {
        case .fraction(let fraction):
            guard fraction >= 0, fraction <= 0.5 else {
                throw TuningError(.invalidSetting, "expected a fraction from 0 to 0.5, found \(fraction)", field: "held-out rows")
            }
            return Int((Double(total) * fraction).rounded())
        case .count(let count):
            guard count >= 0, count <= total / 2 else {
                throw TuningError(
                    .invalidSetting, "expected 0 to \(total / 2), half of the rows, found \(count)", field: "held-out rows")
            }
            return count
        }
    }
}

/// Draws held-out rows by groups of equal prompts, so that no prompt is in both sets.
enum HeldOutSplit {
    /// Whether each row is held out; at most `count` are, fewer where groups are large. The draw depends on the seed and the groups only.
    ///
    /// - Parameter groups: the group of each row.
    /// - Returns: nil when there is but one group.
    static func draw(_ groups: [ContentDigest], count: Int, seed: UInt64) -> [Bool]? {
        var isHeldOut = [Bool](repeating: false, count: groups.count)
        guard count > 0 else { return isHeldOut }
        var numbers: [ContentDigest: Int] = [:]
        var members: [[Int]] = []
        for (row, group) in groups.enumerated() {
            if let number = numbers[group] {
                members[number].append(row)
            } else {
                numbers[group] = members.count
                members.append([row])
            }
        }
        guard members.count > 1 else { return nil }
        var permutation = Permutation(seed: seed, stream: 0x48_454C_444F_5554)
        let order = permutation.order(members.count)
        var rest = count
        for group in order where members[group].count <= rest {
            rest -= members[group].count
            for row in members[group] { isHeldOut[row] = true }
        }
        if rest == count, let smallest = order.min(by: { members[$0].count < members[$1].count }) {
            for row in members[smallest] { isHeldOut[row] = true }
        }
        return isHeldOut
    }
}
