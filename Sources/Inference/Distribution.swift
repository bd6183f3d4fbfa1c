internal import Glibc

/// `softmax(logits / temperature)`, cut by top-k, top-p and min-p without sorting the vocabulary.
///
/// Borrows the logits while it lives.
struct Distribution {
    private let logits: UnsafeMutableBufferPointer<Float>
    private let best: Int
    private let scale: Float

    init(_ logits: UnsafeMutableBufferPointer<Float>, best: Int, temperature: Float) {
        self.logits = logits
        self.best = best
        scale = 1 / temperature
    }

    /// Probability relative to the most probable token: 1 for that one.
    private func weight(_ index: Int) -> Float { expf((logits[index] - logits[best]) * scale) }

    /// A draw from all tokens at least `minP` times as probable as the best one, in the order of their ids.
    func draw(_ uniform: Float, minP: Float) -> Int {
        var total = 0.0
        for index in logits.indices {
            let weight = weight(index)
            if weight >= minP { total += Double(weight) }
        }
        let target = Double(uniform) * total
        var sum = 0.0
        var last = best
        for index in logits.indices {
            let weight = weight(index)
            guard weight >= minP, weight > 0 else { continue }
            sum += Double(weight)
            last = index
            if sum > target { break }
        }
        return last
    }

    /// A draw after top-k, then top-p of what is left, then min-p. `topK` 0 and `topP` 1 keep all.
    func draw(_ uniform: Float, topK: Int, topP: Float, minP: Float) -> Int {
        var kept = candidates(topK: topK, topP: topP)
        if topK > 0, kept.count > topK { kept.removeSubrange(topK...) }
        let mass = kept.reduce(0) { $0 + Double($1.weight) }
        let total = topK > 0 || topP >= 1 ? mass : totalWeight
        if topP < 1 {
            var sum = 0.0
            let end = kept.firstIndex { candidate in
                sum += Double(candidate.weight)
                return sum >= Double(topP) * total
            }
            if let end { kept.removeSubrange((end + 1)...) }
        }
        if let end = kept.firstIndex(where: { $0.weight < minP }) { kept.removeSubrange(max(end, 1)...) }
        let target = Double(uniform) * kept.reduce(0) { $0 + Double($1.weight) }
        var sum = 0.0
        for candidate in kept {
            sum += Double(candidate.weight)
            if sum > target { return candidate.index }
        }
        return kept.last?.index ?? best
    }

    private var totalWeight: Double { logits.indices.reduce(0) { $0 + Double(weight($1)) } }

    /// Every token that top-k or top-p can keep, most probable first (lower id first in a tie).
    ///
    /// A histogram over the distance from the best logit finds a cut below which none of them lies; only what is above
    /// it is sorted.
    private func candidates(topK: Int, topP: Float) -> [(index: Int, weight: Float)] {
        let bins = 512
        let binsPerUnit: Float = 16
        func bin(_ index: Int) -> Int {
            let distance = (logits[best] - logits[index]) * scale * binsPerUnit
            return distance < Float(bins - 1) ? Int(distance) : bins - 1
        }
        var counts = [Int](repeating: 0, count: bins)
        var masses = [Double](repeating: 0, count: bins)
        var total = 0.0
        for index in logits.indices where logits[index].isFinite {
            let weight = Double(weight(index))
            let bin = bin(index)
            counts[bin] += 1
            masses[bin] += weight
            total += weight
        }
        var cut = bins - 1
        var count = 0
        var mass = 0.0
        for bin in 0..<bins {
            count += counts[bin]
            mass += masses[bin]
            if (topK > 0 && count >= topK) || (topK == 0 && mass >= Double(topP) * total * 1.000001) {
                cut = bin
                break
            }
        }
        var kept: [(index: Int, weight: Float)] = []
        for index in logits.indices where logits[index].isFinite && bin(index) <= cut {
            kept.append((index, weight(index)))
        }
        return kept.sorted { logits[$0.index] == logits[$1.index] ? $0.index < $1.index : logits[$0.index] > logits[$1.index] }
    }
}
