package import Generation
internal import Tensors

/// Merges one matrix of several adapters, element by element: of each some elements are kept, signs are elected, and what agrees is added.
///
/// With `k_i` what is kept of factor i and `w_i` its weight: `sum of w_i k_i over the i that agree / divisor`. PEFT's `add_weighted_adapter`,
/// LoRAX, mergekit and the papers (Yadav et al. 2023 for TIES, Yu et al. 2023 for DARE) differ in who votes, and in what is divided by.
package struct FactorMerge: Sendable {
    /// Which elements of a factor stay; the others are zero.
    package enum Keep: Sendable, Equatable {
        case all
        /// The `density` of the elements with the greatest magnitudes; of equal ones the first.
        case largest
        /// Each with the probability `density`.
        case random(Rescale)
    }

    /// What random elements that stay are multiplied by.
    package enum Rescale: Sendable {
        case none
        /// `1 / density`: so that the mean is what it was.
        case byDensity
        /// So that the sum of the magnitudes is what it was.
        case byMagnitude
    }

    /// How the sign of an element is elected. A sum of zero elects the positive sign; elements that are zero do not count.
    package enum Vote: Sendable {
        /// All agree.
        case none
        /// The sum's, of what is kept.
        case total
        /// The sign of most.
        case frequency
        /// The weighted sum's, so that a negative weight votes for the other sign.
        case weighted
    }

    package enum Divisor: Sendable {
        case one
        /// How many agree.
        case count
        /// Their weights.
        case weights
    }

    package var keep: Keep
    package var vote: Vote
    package var divisor: Divisor
    package var density: Double
    /// Of the random choices.
    package var seed: UInt64

    package init(keep: Keep, vote: Vote, divisor: Divisor, density: Double, seed: UInt64) {
        (self.keep, self.vote, self.divisor, self.density, self.seed) = (keep, vote, divisor, density, seed)
    }

    /// PEFT's rules.
    package init(strategy: AdapterMerge.Strategy, density: Double, majoritySign: AdapterMerge.MajoritySign, seed: UInt64) {
        let vote: Vote = majoritySign == .total ? .total : .frequency
        switch strategy {
        case .linear: self.init(keep: .all, vote: .none, divisor: .one, density: density, seed: seed)
        case .ties: self.init(keep: .largest, vote: vote, divisor: .count, density: density, seed: seed)
        case .dareLinear: self.init(keep: .random(.byDensity), vote: .none, divisor: .one, density: density, seed: seed)
        case .dareTies: self.init(keep: .random(.byDensity), vote: vote, divisor: .count, density: density, seed: seed)
        }
    }

    /// For one place of a model, so that each has choices of its own.
    package func at(_ place: UInt64) -> FactorMerge {
        var other = self
        other.seed = seed ^ (place &* 0xd134_2543_de82_ef95)
        return other
    }

    /// `factors`: of equal length, one an adapter, with its weight. Cost: `O(elements * adapters)`.
    package func merge(_ factors: [(values: [Float], weight: Float)]) -> [Float] {
        let kept = factors.enumerated().map { index, factor in
            switch keep {
            case .all: factor.values
            case .largest: largest(factor.values)
            case .random(let rescale): sampled(factor.values, stream: UInt64(index), rescale)
            }
        }
        let weights = factors.map(\.weight)
        return combined(kept, weights)
    }

    /// PEFT's merge of pairs: A and B by themselves, both times the root of the pair's `factor`, its weight times its own factor. With more
    /// than one pair the product is no sum of their products.
    ///
    /// - Parameter place: of the module in the model.
    package func mergePairs(_ pairs: [(a: [Float], b: [Float], factor: Double)], place: UInt64) -> (a: [Float], b: [Float]) {
        let roots = pairs.map { Float(abs($0.factor).squareRoot()) }
        // The sign is applied to one side only; on both it would cancel out.
        let signed = zip(pairs, roots).map { $0.factor.sign == .minus ? -$1 : $1 }
        return (
            at(2 * place).merge(zip(pairs, signed).map { ($0.a, $1) }), at(2 * place + 1).merge(zip(pairs, roots).map { ($0.b, $1) })
        )
    }

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

    private func sampled(_ values: [Float], stream: UInt64, _ rescale: Rescale) -> [Float] {
        guard density < 1 else { return values }
        var state = seed &+ stream &* 0x9e37_79b9_7f4a_7c15
        let divisor = rescale == .byDensity ? Float(density) : 1
        let kept = values.map { value in
            // SplitMix64 (Steele et al. 2014); 53 bits make a number in [0, 1).
            state &+= 0x9e37_79b9_7f4a_7c15
            var word = state
            word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
            word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
            word ^= word >> 31
            return Double(word >> 11) * 0x1p-53 < density ? value / divisor : 0
        }
        guard rescale == .byMagnitude else { return kept }
        let (before, after) = (Self.magnitude(values), Self.magnitude(kept))
        // mergekit's limit: below it nothing is there to rescale.
        guard after >= 1e-7 else { return kept }
        let factor = Float(before / after)
        return kept.map { $0 * factor }
    }

    private static func magnitude(_ values: [Float]) -> Double { values.reduce(0) { $0 + Double(abs($1)) } }

    private func combined(_ factors: [[Float]], _ weights: [Float]) -> [Float] {
        let count = factors.first?.count ?? 0
        var result = [Float](repeating: 0, count: count)
        // One after the other, for the kernel's pointers.
        factors.flatMap(\.self).withUnsafeBufferPointer { values in
            guard let start = values.baseAddress else { return }
            let pointers = factors.indices.map { Optional(start + $0 * count) }
            result.withUnsafeMutableBufferPointer { result in
                guard let target = result.baseAddress else { return }
                Kernels.vote(pointers, weights: weights, changeCount: weights.count, rule: rule(weights), base: nil, count: count, into: target)
            }
        }
        return result
    }

    private func rule(_ weights: [Float]) -> Kernels.MergeRule {
        let (voters, total): (Kernels.MergeRule.Vote, Float) =
            switch vote {
            case .none: (.everyone, weights.reduce(0, +))
            case .total: (.total, 0)
            case .frequency: (.frequency, 0)
            case .weighted: (.weighted, 0)
            }
        let isElected = vote != .none
        return switch divisor {
        case .one: .init(vote: voters)
        case .count: .init(vote: voters, divisor: isElected ? .count : .constant(Float(max(weights.count, 1))))
        case .weights: .init(vote: voters, divisor: isElected ? .weights : .constant(abs(total) < 1e-8 ? 1 : total))
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
