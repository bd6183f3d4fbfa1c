internal import Glibc

import Tensors

/// `softmax(logits / temperature)`, cut by top-k, top-p, min-p and typical-p, and one draw from it. The vocabulary is never sorted.
///
/// Top-p alone draws from the whole distribution and keeps the token if the more probable tokens weigh less than `topP`; otherwise it
/// draws again. That is exact and costs two or three passes however flat the distribution is. Other cuts select the candidates that
/// can survive them and look at those one by one.
///
/// Weights are relative to the most probable token, which has 1. Ties go to the lower id. Borrows logits and scratch; allocates
/// nothing.
struct Distribution {
    private let logits: UnsafeMutableBufferPointer<Float>
    private let best: Int
    private let maximum: Float
    private let scale: Float
    let scratch: SamplerScratch

    /// - Parameter best: index of the largest logit.
    init(_ logits: UnsafeMutableBufferPointer<Float>, best: Int, temperature: Float, scratch: SamplerScratch) {
        self.logits = logits
        self.best = best
        self.scratch = scratch
        maximum = logits[best]
        scale = 1 / temperature
    }

    /// A draw after top-k, then top-p of what is left, then min-p, then typical-p of what is left. `topK` 0 and 1 for `topP` and `typicalP`
    /// and `minP` 0 keep all.
    ///
    /// - Parameter uniform: a number in 0..<1 for each attempt.
    func draw(topK: Int, topP: Float, minP: Float, typicalP: Float = 1, uniform: (Int) -> Float) -> Int {
        guard maximum.isFinite else { return best }
        let limited = topK > 0 && topK < logits.count
        var total = 0.0
        if !limited, topP < 1 || minP <= 0 { total = sumChunks() }
        if !limited, minP <= 0, typicalP >= 1 {
            guard total > 0 else { return best }
            if topP >= 1 { return drawFromAll(uniform(0), total) }
            for attempt in 0..<Self.attempts where topP >= 0.5 {
                let token = drawFromAll(uniform(attempt), total)
                if weight(moreProbableThan: token) < Double(topP) * total { return token }
            }
        }
        var count = limited ? selectLargest(topK) : select(least: leastWeight(topP: topP, minP: minP, total: total))
        if limited { count = keepLargest(of: count, count: topK, mass: .infinity) }
        if topP < 1 {
            let mass = limited ? self.mass(of: count) : total
            count = keepLargest(of: count, count: .max, mass: Double(topP) * mass)
        }
        guard typicalP < 1 else { return draw(uniform(Self.attempts), of: count, least: minP) }
        count = keepTypical(of: keep(of: count, least: minP), mass: typicalP)
        return draw(uniform(Self.attempts), of: count, least: 0)
    }

    // MARK: From all

    private static let attempts = 6
    private static let chunk = 256

    private var base: UnsafeMutablePointer<Float> {
        guard let base = logits.baseAddress else { preconditionFailure("a vocabulary is not empty") }
        return base
    }

    /// Leaves the weight of each chunk in the scratch; returns that of all.
    private func sumChunks() -> Double {
        var total = 0.0
        for start in stride(from: 0, to: logits.count, by: Self.chunk) {
            let sum = Kernels.expSum(
                base + start, count: min(Self.chunk, logits.count - start), maximum: maximum, scale: scale)
            scratch.sums[start / Self.chunk] = sum
            total += Double(sum)
        }
        return total
    }

    /// In the order of ids: finds the chunk, then the token in it.
    private func drawFromAll(_ uniform: Float, _ total: Double) -> Int {
        let target = Double(uniform) * total
        var sum = 0.0
        var start = 0
        while start + Self.chunk < logits.count {
            let next = sum + Double(scratch.sums[start / Self.chunk])
            if next > target { break }
            sum = next
            start += Self.chunk
        }
        let count = min(Self.chunk, logits.count - start)
        scratch.weights.update(from: base + start, count: count)
        Kernels.expScaled(scratch.weights, count: count, maximum: maximum, scale: scale)
        var last = best
        for index in 0..<count where scratch.weights[index] > 0 {
            sum += Double(scratch.weights[index])
            last = start + index
            if sum > target { break }
        }
        return last
    }

    /// Weight of the tokens that rank before this one: larger logits, and equal ones of lower ids.
    private func weight(moreProbableThan token: Int) -> Double {
        let logit = logits[token]
        func sum(_ start: Int, _ end: Int, above: Float) -> Double {
            var sum = 0.0
            for start in stride(from: start, to: end, by: 4096) {
                sum += Double(
                    Kernels.expSum(
                        base + start, count: min(4096, end - start), maximum: maximum, scale: scale, above: above))
            }
            return sum
        }
        return sum(0, token, above: logit.nextDown) + sum(token + 1, logits.count, above: logit)
    }

    // MARK: From candidates

    /// A weight that every token kept by top-p and min-p reaches. Tokens below `(1 - topP) * total / vocabulary` add up to less than
    /// top-p drops.
    private func leastWeight(topP: Float, minP: Float, total: Double) -> Float {
        max(topP < 1 ? Float(Double(1 - topP) * total / Double(logits.count)) : 0, minP) * 0.999
    }

    /// Puts the tokens of at least that weight into the scratch, with their weights; returns how many. The best is among them.
    private func select(least: Float) -> Int {
        let threshold = least > 0 ? maximum + logf(least) / scale : -Float.infinity
        let count = Kernels.select(base, count: logits.count, least: min(threshold, maximum), into: scratch.indices)
        weigh(count)
        return count
    }

    /// The same for at least the `wanted` largest: the threshold falls until there are enough.
    private func selectLargest(_ wanted: Int) -> Int {
        var depth: Float = 4
        while true {
            let threshold = depth > 100 ? -Float.greatestFiniteMagnitude : maximum - depth
            let count = Kernels.select(base, count: logits.count, least: threshold, into: scratch.indices)
            if count >= wanted || depth > 100 {
                weigh(count)
                return count
            }
            depth *= 2
        }
    }

    private func weigh(_ count: Int) {
        for place in 0..<count { scratch.weights[place] = logits[Int(scratch.indices[place])] }
        Kernels.expScaled(scratch.weights, count: count, maximum: maximum, scale: scale)
    }

    private func mass(of count: Int) -> Double {
        var mass = 0.0
        for place in 0..<count { mass += Double(scratch.weights[place]) }
        return mass
    }

    private func draw(_ uniform: Float, of count: Int, least: Float) -> Int {
        var total = 0.0
        for place in 0..<count where scratch.weights[place] >= least { total += Double(scratch.weights[place]) }
        let target = Double(uniform) * total
        var sum = 0.0
        var last = best
        for place in 0..<count where scratch.weights[place] >= least && scratch.weights[place] > 0 {
            sum += Double(scratch.weights[place])
            last = Int(scratch.indices[place])
            if sum > target { break }
        }
        return last
    }

    // MARK: The largest

    /// Keeps the most probable candidates up to a number of them, or until they weigh `mass` together; their order stays that of
    /// their ids. A histogram finds in which bin the cut lies, and a heap where in that bin.
    private func keepLargest(of count: Int, count limit: Int, mass: Double) -> Int {
        let (weights, counts, masses) = (scratch.weights, scratch.counts, scratch.masses)
        counts.update(repeating: 0, count: SamplerScratch.bins)
        masses.update(repeating: 0, count: SamplerScratch.bins)
        for place in 0..<count {
            let bin = Self.bin(weights[place])
            counts[bin] += 1
            masses[bin] += Double(weights[place])
        }
        var (bin, kept, sum) = (0, 0, 0.0)
        while bin < SamplerScratch.bins, kept + Int(counts[bin]) < limit, sum + masses[bin] < mass {
            kept += Int(counts[bin])
            sum += masses[bin]
            bin += 1
        }
        guard bin < SamplerScratch.bins else { return count }
        var heap = CandidateHeap(scratch)
        for place in 0..<count where Self.bin(weights[place]) == bin { heap.add(place) }
        heap.order()
        var last = -1
        while kept < limit, sum < mass, let place = heap.removeLargest() {
            kept += 1
            sum += Double(weights[place])
            last = place
        }
        return compact(count, bin: bin, last: last)
    }

    /// Keeps the candidates in bins before `bin`, and those in `bin` up to `last`.
    private func compact(_ count: Int, bin: Int, last: Int) -> Int {
        let (indices, weights) = (scratch.indices, scratch.weights)
        let edge = last < 0 ? Float.infinity : weights[last]
        var kept = 0
        for place in 0..<count {
            let weight = weights[place]
            let own = Self.bin(weight)
            guard own < bin || (own == bin && (weight > edge || (weight == edge && place <= last))) else { continue }
            (indices[kept], weights[kept]) = (indices[place], weight)
            kept += 1
        }
        return kept
    }

    /// 32 bins an octave, the largest weights first; weights below 2^-64 share the last bin.
    private static func bin(_ weight: Float) -> Int {
        let distance = Int(Float(1).bitPattern >> 18) - Int(weight.bitPattern >> 18)
        return min(max(distance, 0), SamplerScratch.bins - 1)
    }
}
