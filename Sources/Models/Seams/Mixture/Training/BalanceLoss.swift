/// A loss that keeps routers from always choosing the same experts. p is a router's softmax.
public enum BalanceLoss: Sendable, Equatable {
    /// `coefficient E sum over e of f_e P_e`: f_e is the share of rows that choose expert e, P_e the mean of its p, over all rows of an
    /// adapter and all its routers with E experts. MixLoRA and MoLA; the balance loss of Switch Transformers (arXiv 2101.03961).
    case uniform(coefficient: Double)
    /// Of each router `weight Var(x) / (Mean(x)² + 1e-10)` over sequences and experts, where x is the sum of p over a sequence's rows,
    /// times `1 + alpha` for experts of the sequence's half and `1 - alpha` for the others. LoRAMoE (arXiv 2312.09979).
    case localised(weight: Double, alpha: Double)
}

/// A half of a mixture's experts, which a sequence's kind of task belongs to (LoRAMoE).
public enum ExpertHalf: Sendable, Equatable {
    case first, second

    func contains(_ expert: Int, of experts: Int) -> Bool { (expert < experts / 2) == (self == .first) }
}

/// What one router did with an adapter's rows of a step, sequence by sequence, and the gradients of the balance loss.
final class BalanceRecord {
    struct Part {
        var rows: Range<Int>
        /// `[experts]`, 1 where the sequence has no half.
        var factors: [Double]
        /// Sums of p, `[experts]`.
        var sums: [Double]
        /// The derivative of the loss by p of any of the rows, `[experts]`.
        var slopes: [Float] = []
    }

    let experts: Int
    fileprivate(set) var parts: [Part] = []
    /// Rows that chose each expert.
    fileprivate var counts: [Int]

    init(experts: Int) {
        self.experts = experts
        counts = Array(repeating: 0, count: experts)
    }

    /// After the router has run for the segments of one band.
    func add(_ routed: RoutedRows, _ segments: some Sequence<TrainingPlan.Segment>, alpha: Double) {
        for segment in segments {
            let factors = (0..<experts).map { expert in
                segment.expertHalf.map { $0.contains(expert, of: experts) ? 1 + alpha : 1 - alpha } ?? 1
            }
            var sums = [Double](repeating: 0, count: experts)
            for row in segment.rows {
                let (p, weights) = (routed.p(row), routed.weights(row))
                for expert in 0..<experts {
                    sums[expert] += Double(p[expert])
                    if weights[expert] != 0 { counts[expert] += 1 }
                }
            }
            parts.append(Part(rows: segment.rows, factors: factors, sums: sums))
        }
    }
}

extension BalanceLoss {
    var alpha: Double { if case .localised(_, let alpha) = self { alpha } else { 0 } }

    /// The loss over an adapter's routers; their records get its slopes.
    func evaluate(_ records: [BalanceRecord]) -> Double {
        switch self {
        case .uniform(let coefficient):
            let sizes = Set(records.map(\.experts)).sorted()
            return sizes.reduce(0) { sum, size in sum + Self.uniform(coefficient, records.filter { $0.experts == size }, experts: size) }
        case .localised(let weight, _): return records.reduce(0) { $0 + Self.localised(weight, $1) }
        }
    }

    private static func uniform(_ coefficient: Double, _ records: [BalanceRecord], experts: Int) -> Double {
        let rows = Double(records.reduce(0) { $0 + $1.parts.reduce(0) { $0 + $1.rows.count } })
        guard rows > 0 else { return 0 }
        let shares = (0..<experts).map { expert in Double(records.reduce(0) { $0 + $1.counts[expert] }) / rows }
        let slopes = shares.map { Float(coefficient * Double(experts) * $0 / rows) }
        var loss = 0.0
        for record in records {
            for index in record.parts.indices {
                record.parts[index].slopes = slopes
                for expert in 0..<experts { loss += shares[expert] * record.parts[index].sums[expert] / rows }
            }
        }
        return coefficient * Double(experts) * loss
    }

    private static func localised(_ weight: Double, _ record: BalanceRecord) -> Double {
        let x = record.parts.map { part in zip(part.factors, part.sums).map { $0 * $1 } }
        let count = Double(x.count * record.experts)
        guard count > 1 else { return 0 }
        let mean = x.joined().reduce(0, +) / count
        let variance = x.joined().reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)
        let square = mean * mean + 1e-10
        for index in record.parts.indices {
            record.parts[index].slopes = zip(record.parts[index].factors, x[index]).map { factor, x in
                let slope = 2 * (x - mean) / ((count - 1) * square) - 2 * variance * mean / (count * square * square)
                return Float(weight * factor * slope)
            }
        }
        return weight * variance / square
    }
}
