import Generation
internal import Models
internal import Tensors

/// Facts and the slices that hold them, in memory.
struct MemoryTable: DeltaRetrieval {
    struct Site: Sendable {
        var layer: Int
        /// Addresses of the written slices, rising.
        var ids: [Int32]
        /// `[written, hidden]` each
        var inner: TensorView
        var outer: TensorView
    }

    let configuration: MemoryExpertsConfiguration
    let layers: Int
    let hidden: Int
    /// `[facts, dimension]`, each of length 1.
    private let keys: FloatBuffer
    private let keyView: TensorView
    /// `[facts, slices]` each
    let slots: [Int32]
    let shares: [Float]
    let sites: [Site]
    let dimension: Int

    init(
        configuration: MemoryExpertsConfiguration, layers: Int, hidden: Int, keys: TensorView, slots: [Int32], shares: [Float],
        sites: [Site]
    ) {
        self.configuration = configuration
        self.layers = layers
        self.hidden = hidden
        self.slots = slots
        self.shares = shares
        self.sites = sites
        keyView = keys
        dimension = keys.columns
        self.keys = FloatBuffer(keys.floats())
        for fact in 0..<keys.rows {
            let key = self.keys.pointer + fact * dimension
            let length = Kernels.dot(key, key, count: dimension).squareRoot()
            if length > 0 { Kernels.multiply(key, by: 1 / length, count: dimension) }
        }
    }

    var facts: Int { keyView.rows }

    var byteCount: Int {
        4 * keys.count + 4 * (slots.count + shares.count)
            + sites.reduce(0) { $0 + 4 * $1.ids.count + $1.inner.byteCount + $1.outer.byteCount }
    }

    /// Notes keys without a direction, addresses out of range or order, shares that are no numbers, and facts that would change
    /// nothing.
    func check(problems: inout AdapterProblems) {
        func note(_ code: AdapterError.Code, _ message: String, _ tensor: String) {
            problems.note(AdapterError(code, message, file: AdapterFile.weights, tensor: tensor))
        }
        for fact in 0..<facts {
            let key = keys.pointer + fact * dimension
            if Kernels.dot(key, key, count: dimension) == 0 {
                note(.noEffect, "row \(fact) is zero: no text would be near that fact", MemoryExpertsPlanner.keys)
            }
        }
        let range = 0..<Int32(configuration.addresses)
        if let place = slots.firstIndex(where: { !range.contains($0) }) {
            note(.malformed, "element \(place) is \(slots[place]), expected an address from 0 to \(range.upperBound - 1)", MemoryExpertsPlanner.slots)
        }
        for site in sites {
            let name = MemoryExpertsPlanner.ids(site.layer)
            if let place = site.ids.firstIndex(where: { !range.contains($0) }) {
                note(.malformed, "element \(place) is \(site.ids[place]), expected an address from 0 to \(range.upperBound - 1)", name)
            }
            if !zip(site.ids, site.ids.dropFirst()).allSatisfy({ $0 < $1 }) {
                note(.malformed, "expected addresses in rising order, each once", name)
            }
        }
        guard problems.isEmpty else { return }
        var isIdle = true
        for fact in 0..<facts {
            do {
                let delta = try delta(of: fact)
                isIdle = isIdle && sites.allSatisfy { delta.branch($0.layer) == nil }
            } catch {
                note(.malformed, "the slices of fact \(fact) make no matrix: \(error.message)", MemoryExpertsPlanner.slots)
            }
        }
        if isIdle && problems.isEmpty {
            note(.noEffect, "no fact has a slice that is written and not zero: the adapter would change nothing", MemoryExpertsPlanner.slots)
        }
    }

    func retrieve(_ text: String, with encoder: any TextEmbedder) throws(AdapterError) -> RetrievedDelta? {
        let query: [Float]
        do {
            query = try encoder.embed([text]).vectors
        } catch {
            throw AdapterError(.unavailable, "the encoder failed: \(error)")
        }
        return try nearest(query)
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
        guard Double(best.similarity) >= configuration.threshold else { return nil }
        let recall = MemoryRecall(
            memory: "", fact: UInt64(best.fact), score: Double(best.similarity), threshold: configuration.threshold,
            margin: facts > 1 ? Double(best.similarity - next) : nil)
        return RetrievedDelta(delta: try delta(of: best.fact), recall: recall)
    }

    /// The slices of one fact: at each site one low-rank map, of as many ranks as slices are written there.
    private func delta(of fact: Int) throws(AdapterError) -> AdapterDelta {
        var branches = [BranchPatch?](repeating: nil, count: layers)
        for (place, site) in sites.enumerated() {
            let first = fact * configuration.slices + place * configuration.slicesPerSite
            branches[site.layer] = try gather(first..<first + configuration.slicesPerSite, site).map { BranchPatch($0) }
        }
        return AdapterDelta(layers: layers, branches: branches)
    }

    private func gather(_ places: Range<Int>, _ site: Site) throws(AdapterError) -> LowRank? {
        var (a, b) = ([Float](), [Float]())
        let row = FloatBuffer(count: hidden)
        for place in places {
            guard let written = Self.find(slots[place], in: site.ids) else { continue }
            let share = shares[place] * Float(configuration.scale)
            site.inner.dequantizeRows(written..<written + 1, into: row.pointer)
            a += (0..<hidden).map { row.pointer[$0] * share }
            site.outer.dequantizeRows(written..<written + 1, into: row.pointer)
            b += (0..<hidden).map { row.pointer[$0] }
        }
        guard a.contains(where: { $0 != 0 }), b.contains(where: { $0 != 0 }) else { return nil }
        let rank = a.count / hidden
        do {
            return try LowRank(a: a, transposedB: b, rank: rank, inputs: hidden, outputs: hidden, scale: 1, element: .f32)
        } catch {
            throw AdapterError(.malformed, error.message, file: AdapterFile.weights, tensor: MemoryExpertsPlanner.slots)
        }
    }

    /// Binary search.
    private static func find(_ id: Int32, in ids: [Int32]) -> Int? {
        var (low, high) = (0, ids.count)
        while low < high {
            let middle = (low + high) / 2
            if ids[middle] < id { low = middle + 1 } else { high = middle }
        }
        return low < ids.count && ids[low] == id ? low : nil
    }
}
