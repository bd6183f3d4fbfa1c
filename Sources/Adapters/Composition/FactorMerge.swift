internal import Generation

/// Merges one matrix of several adapters, element by element: the sparse strategies of `AdapterMerge`, as PEFT's
/// `add_weighted_adapter` has them.
struct FactorMerge {
    let strategy: AdapterMerge.Strategy
    let density: Double
    let majoritySign: AdapterMerge.MajoritySign
    /// Seed of the random choices.
    let seed: UInt64

    /// `factors`: of equal length, one an adapter, with its weight. Cost: `O(elements * adapters)`.
    func merge(_ factors: [(values: [Float], weight: Float)]) -> [Float] {
        let kept = factors.enumerated().map { index, factor in
            switch strategy {
            case .linear: factor.values
            case .ties: largest(factor.values)
            case .dareLinear, .dareTies: sampled(factor.values, stream: UInt64(index))
            }
        }
        let weights = factors.map(\.weight)
        return switch strategy {
        case .linear, .dareLinear: Self.sum(kept, weights)
        case .ties, .dareTies: majorityMean(kept, weights)
        }
    }

    /// The `density` of the elements with the greatest magnitudes, zero for the others; of equal ones the first.
    private func largest(_ values: [Float]) -> [Float] {
        guard density < 1 else { return values }
        let count = Int(density * Double(values.count))
        guard count > 0 else { return [Float](repeating: 0, count: values.count) }
        var magnitudes = values.map(abs)
        let limit = Selection.descending(&magnitudes, at: count - 1)
        var room = count - values.count { abs($0) > limit }
        return values.map { value in
            if abs(value) > limit { return value }
            guard abs(value) == limit, room > 0 else { return 0 }
            room -= 1
            return value
        }
    }

    private func sampled(_ values: [Float], stream: UInt64) -> [Float] {
        guard density < 1 else { return values }
        var state = seed &+ stream &* 0x9e37_79b9_7f4a_7c15
        let scale = Float(density)
        return values.map { value in
            // SplitMix64 (Steele et al. 2014); 53 bits make a number in [0, 1).
            state &+= 0x9e37_79b9_7f4a_7c15
            var word = state
            word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
            word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
            word ^= word >> 31
            return Double(word >> 11) * 0x1p-53 < density ? value / scale : 0
        }
    }

    private static func sum(_ factors: [[Float]], _ weights: [Float]) -> [Float] {
        var sum = [Float](repeating: 0, count: factors.first?.count ?? 0)
        for (values, weight) in zip(factors, weights) {
            for index in sum.indices { sum[index] += values[index] * weight }
        }
        return sum
    }

    /// The weighted mean over those adapters whose element has the majority's sign, which a sum of zero makes positive.
    private func majorityMean(_ factors: [[Float]], _ weights: [Float]) -> [Float] {
        (0..<(factors.first?.count ?? 0)).map { index in
            var total: Float = 0
            for values in factors {
                let value = values[index]
                total += majoritySign == .total ? value : value > 0 ? 1 : value < 0 ? -1 : 0
            }
            let isPositive = total >= 0
            var (sum, count) = (Float(0), 0)
            for (values, weight) in zip(factors, weights) {
                let value = values[index]
                guard value != 0, (value > 0) == isPositive else { continue }
                sum += value * weight
                count += 1
            }
            return sum / Float(max(count, 1))
        }
    }
}

/// Order statistics.
enum Selection {
    /// The element that would stand at `place` if the values were sorted from the greatest down. Values are moved about.
    /// Cost: `O(n)` on average (Hoare's quickselect with the median of three).
    static func descending(_ values: inout [Float], at place: Int) -> Float {
        var (low, high) = (0, values.count - 1)
        while low < high {
            let middle = low + (high - low) / 2
            let pivot = median(values[low], values[middle], values[high])
            var (left, right) = (low, high)
            while left <= right {
                while values[left] > pivot { left += 1 }
                while values[right] < pivot { right -= 1 }
                if left <= right {
                    values.swapAt(left, right)
                    left += 1
                    right -= 1
                }
            }
            if place <= right {
                high = right
            } else if place >= left {
                low = left
            } else {
                return values[place]
            }
        }
        return values[place]
    }

    private static func median(_ one: Float, _ two: Float, _ three: Float) -> Float {
        max(min(one, two), min(max(one, two), three))
    }
}
