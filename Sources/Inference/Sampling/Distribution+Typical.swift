internal import Glibc

/// Typical sampling (Meister et al. 2023).
extension Distribution {
    /// Keeps the candidates whose surprise, `-log p`, is nearest to the expected one, the entropy, up to the first with which they weigh
    /// `mass` of all, and those that are exactly as near; at least one. Returns how many; their order stays that of their ids. As in
    /// `transformers`, probabilities are those after the other cuts.
    ///
    /// - Parameter count: of the candidates in the scratch; one at least.
    func keepTypical(of count: Int, mass: Float) -> Int {
        let (indices, weights, distances) = (scratch.indices, scratch.weights, scratch.sums)
        var total = 0.0
        for place in 0..<count { total += Double(weights[place]) }
        let logTotal = log(total)
        var entropy = 0.0
        for place in 0..<count {
            let weight = Double(weights[place])
            if weight > 0 { entropy += weight / total * (logTotal - log(weight)) }
        }
        var heap = CandidateHeap(scratch, keys: distances)
        for place in 0..<count {
            let weight = Double(weights[place])
            // Infinitely far: a token without weight is never drawn.
            distances[place] = weight > 0 ? -Float(abs(logTotal - log(weight) - entropy)) : -.infinity
            heap.add(place)
        }
        heap.order()
        var (sum, edge) = (0.0, -Float.infinity)
        while let place = heap.removeLargest() {
            edge = distances[place]
            sum += Double(weights[place])
            if sum >= Double(mass) * total { break }
        }
        var kept = 0
        for place in 0..<count where distances[place] >= edge {
            (indices[kept], weights[kept]) = (indices[place], weights[place])
            kept += 1
        }
        return kept
    }

    /// Keeps the candidates of at least that weight.
    func keep(of count: Int, least: Float) -> Int {
        var kept = 0
        for place in 0..<count where scratch.weights[place] >= least {
            (scratch.indices[kept], scratch.weights[kept]) = (scratch.indices[place], scratch.weights[place])
            kept += 1
        }
        return kept
    }
}
