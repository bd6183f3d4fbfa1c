/// How a router chooses among the experts of a mixture. p is the softmax of its logits over all experts, in f32. Each chosen expert's
/// term is multiplied by its weight.
public enum ExpertSelection: Sendable, Equatable {
    /// The k most probable; their weights are p, divided so that they sum to 1. MixLoRA and MoLA.
    case top(Int)
    /// The most probable, until their p sum to more than the threshold; the one that passes it is included. A temperature above 0
    /// divides p (after the softmax). Weights are p after that. MixLoRA's dynamic routing.
    case cumulative(threshold: Float, temperature: Float)
    /// Every expert, weighted by p. LoRAMoE.
    case all

    /// The most experts that it chooses out of `experts`.
    public func most(of experts: Int) -> Int {
        if case .top(let count) = self { min(count, experts) } else { experts }
    }

    /// The fewest.
    func least(of experts: Int) -> Int {
        if case .cumulative = self { 1 } else { most(of: experts) }
    }

    /// Chooses by the probabilities p, which it overwrites. Writes at most `most(of: experts)` places and returns their number. They are in
    /// the order of the experts' numbers, so a row's sums do not depend on anything else. Of equal p the lower number comes first.
    /// Cost: `O(experts * chosen)`.
    func choose(
        _ p: UnsafeMutablePointer<Float>, experts: Int, into chosen: UnsafeMutablePointer<Int32>, weights: UnsafeMutablePointer<Float>
    ) -> Int {
        switch self {
        case .all:
            for expert in 0..<experts { (chosen[expert], weights[expert]) = (Int32(expert), p[expert]) }
            return experts
        case .top(let most):
            var sum = Float(0)
            let count = min(most, experts)
            for place in 0..<count { Self.takeLargest(p, experts, chosen, weights, count: place) }
            for place in 0..<count { sum += weights[place] }
            for place in 0..<count { weights[place] /= sum }
            return count
        case .cumulative(let threshold, let temperature):
            if temperature > 0 { for expert in 0..<experts { p[expert] /= temperature } }
            var (count, sum) = (0, Float(0))
            while count < experts {
                sum += Self.takeLargest(p, experts, chosen, weights, count: count)
                count += 1
                if sum > threshold { break }
            }
            return count
        }
    }

    /// Marks an expert that was taken, as no probability is negative. Experts whose probability is NaN are taken in their order.
    private static let taken = Float(-1)

    /// Takes the most probable of the remaining experts and inserts it among the `count` chosen; returns its p.
    @discardableResult
    private static func takeLargest(
        _ p: UnsafeMutablePointer<Float>, _ experts: Int, _ chosen: UnsafeMutablePointer<Int32>, _ weights: UnsafeMutablePointer<Float>,
        count: Int
    ) -> Float {
        var best = -1
        for expert in 0..<experts where p[expert] != taken && (best < 0 || p[expert] > p[best]) { best = expert }
        let weight = p[best]
        p[best] = taken
        var place = count
        while place > 0, chosen[place - 1] > Int32(best) {
            (chosen[place], weights[place]) = (chosen[place - 1], weights[place - 1])
            place -= 1
        }
        (chosen[place], weights[place]) = (Int32(best), weight)
        return weight
    }
}
