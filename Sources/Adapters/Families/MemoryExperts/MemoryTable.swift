import Generation
internal import Models
internal import Tensors

/// Facts with their keys, and the slices that hold them, in memory.
struct MemoryTable: DeltaRetrieval {
    /// `[facts, dimension]`, each of length 1.
    private let keys: FloatBuffer
    /// `[facts, count]` each: at each site as many, in the order of the sites.
    private let slots: [Int32]
    private let shares: [Float]
    /// Least cosine at which a fact counts as meant.
    private let threshold: Double
    private let slices: MemorySlices
    /// Slices of a fact at all sites together.
    private let count: Int
    private let facts: Int
    let dimension: Int

    init(keys: TensorView, slots: [Int32], shares: [Float], threshold: Double, slices: MemorySlices, count: Int) {
        (self.slots, self.shares, self.threshold, self.slices, self.count) = (slots, shares, threshold, slices, count)
        (facts, dimension) = (keys.rows, keys.columns)
        self.keys = FloatBuffer(keys.floats())
        for fact in 0..<facts {
            let key = self.keys.pointer + fact * dimension
            let length = Kernels.dot(key, key, count: dimension).squareRoot()
            if length > 0 { Kernels.multiply(key, by: 1 / length, count: dimension) }
        }
    }

    var byteCount: Int { 4 * (keys.count + slots.count + shares.count) + slices.byteCount }

    /// Notes keys without a direction, addresses out of range, shares that are no numbers, and facts that would change nothing.
    func check(_ range: Range<Int32>, problems: inout AdapterProblems) {
        func note(_ code: AdapterError.Code, _ message: String, _ tensor: String) {
            problems.note(AdapterError(code, message, file: AdapterFile.weights, tensor: tensor))
        }
        for fact in 0..<facts {
            let key = keys.pointer + fact * dimension
            if Kernels.dot(key, key, count: dimension) == 0 {
                note(.noEffect, "row \(fact) is zero: no text would be near that fact", MemoryExpertsPlanner.keys)
            }
        }
        if let place = slots.firstIndex(where: { !range.contains($0) }) {
            note(.malformed, "element \(place) is \(slots[place]), expected an address from 0 to \(range.upperBound - 1)", MemoryExpertsPlanner.slots)
        }
        guard problems.isEmpty else { return }
        var isIdle = true
        for fact in 0..<facts {
            do {
                let delta = try delta(of: fact)
                isIdle = isIdle && slices.sites.allSatisfy { delta.branch($0.layer) == nil }
            } catch {
                note(.malformed, "the slices of fact \(fact) make no matrix: \(error.message)", MemoryExpertsPlanner.slots)
            }
        }
        if isIdle && problems.isEmpty {
            note(.noEffect, "no fact has a slice that is written and not zero: the adapter would change nothing", MemoryExpertsPlanner.slots)
        }
    }

    func retrieve(_ text: String, with encoder: any TextEmbedder) throws(AdapterError) -> RetrievedDelta? {
        try nearest(try encoder.query(text))
    }

    /// The fact that is nearest to a unit vector. Cost: `O(facts * dimension)` for the keys, `O(slices * hidden)` for what is gathered.
    func nearest(_ query: [Float]) throws(AdapterError) -> RetrievedDelta? {
        guard query.count == dimension else { return nil }
        var best = (fact: 0, similarity: -Float.infinity)
        var next = -Float.infinity
        query.withUnsafeBufferPointer { query in
            guard let start = query.baseAddress else { return }
            for fact in 0..<facts {
                let similarity = Kernels.dot(start, keys.pointer + fact * dimension, count: dimension)
                if similarity > best.similarity {
                    next = best.similarity
                    best = (fact, similarity)
                } else {
                    next = max(next, similarity)
                }
            }
        }
        guard Double(best.similarity) >= threshold else { return nil }
        let recall = MemoryRecall(
            memory: "", fact: UInt64(best.fact), score: Double(best.similarity), threshold: threshold,
            margin: facts > 1 ? Double(best.similarity - next) : nil)
        return RetrievedDelta(delta: try delta(of: best.fact), recall: recall)
    }

    private func delta(of fact: Int) throws(AdapterError) -> AdapterDelta {
        let each = count / slices.sites.count
        return try slices.delta { site in
            let places = fact * count + site * each..<fact * count + (site + 1) * each
            return (slots[places], shares[places])
        }
    }
}
