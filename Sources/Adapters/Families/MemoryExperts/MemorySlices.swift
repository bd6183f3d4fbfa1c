internal import Models
internal import Tensors

/// The written slices of all sites, in memory.
struct MemorySlices: Sendable {
    struct Site: Sendable {
        var layer: Int
        /// Addresses of the written slices, rising.
        var ids: [Int32]
        /// `[written, hidden]` each
        var inner: TensorView
        var outer: TensorView
        /// `[written]`, what is added to `a . x`; nil: zero.
        var offsets: [Float]?
    }

    /// Layers of the base.
    let layers: Int
    let hidden: Int
    /// Factor of the sum of the slices.
    let scale: Double
    let sites: [Site]

    var byteCount: Int {
        sites.reduce(0) { $0 + 4 * ($1.ids.count + ($1.offsets?.count ?? 0)) + $1.inner.byteCount + $1.outer.byteCount }
    }

    /// Notes addresses out of range or order.
    func check(_ range: Range<Int32>, problems: inout AdapterProblems) {
        for site in sites {
            let name = MemoryExpertsPlanner.ids(site.layer)
            if let place = site.ids.firstIndex(where: { !range.contains($0) }) {
                problems.note(
                    AdapterError(
                        .malformed, "element \(place) is \(site.ids[place]), expected an address from 0 to \(range.upperBound - 1)",
                        file: AdapterFile.weights, tensor: name))
            }
            if !zip(site.ids, site.ids.dropFirst()).allSatisfy({ $0 < $1 }) {
                problems.note(
                    AdapterError(.malformed, "expected addresses in rising order, each once", file: AdapterFile.weights, tensor: name))
            }
        }
    }

    /// Whether no slice changes anything.
    var isIdle: Bool {
        let values = FloatBuffer(count: hidden)
        return sites.allSatisfy { site in
            site.ids.indices.allSatisfy { row in
                site.outer.dequantizeRows(row..<row + 1, into: values.pointer)
                return (0..<hidden).allSatisfy { values.pointer[$0] == 0 }
            }
        }
    }

    /// How many of the addresses are written at some site.
    func written(_ slots: some Collection<Int32>) -> Int {
        slots.count { slot in sites.contains { Self.find(slot, in: $0.ids) != nil } }
    }

    /// At each site one low-rank map, of as many ranks as slices are written there.
    ///
    /// - Parameter chosen: the addresses and shares of a site, by its place among the sites.
    /// Errors: `malformed`.
    func delta(_ chosen: (_ site: Int) -> (slots: ArraySlice<Int32>, shares: ArraySlice<Float>)) throws(AdapterError) -> AdapterDelta {
        var branches = [BranchPatch?](repeating: nil, count: layers)
        for (place, site) in sites.enumerated() {
            let (slots, shares) = chosen(place)
            branches[site.layer] = try gather(slots, shares, site)
        }
        return AdapterDelta(layers: layers, branches: branches)
    }

    private func gather(_ slots: ArraySlice<Int32>, _ shares: ArraySlice<Float>, _ site: Site) throws(AdapterError) -> BranchPatch? {
        var (a, b, c) = ([Float](), [Float](), [Float]())
        let row = FloatBuffer(count: hidden)
        for (slot, part) in zip(slots, shares) {
            guard let written = Self.find(slot, in: site.ids) else { continue }
            let share = part * Float(scale)
            site.inner.dequantizeRows(written..<written + 1, into: row.pointer)
            a += (0..<hidden).map { row.pointer[$0] * share }
            site.outer.dequantizeRows(written..<written + 1, into: row.pointer)
            b += (0..<hidden).map { row.pointer[$0] }
            if let offsets = site.offsets { c.append(offsets[written] * share) }
        }
        guard a.contains(where: { $0 != 0 }) || c.contains(where: { $0 != 0 }), b.contains(where: { $0 != 0 }) else { return nil }
        let rank = a.count / hidden
        do {
            let map = try LowRank(a: a, transposedB: b, rank: rank, inputs: hidden, outputs: hidden, scale: 1, element: .f32)
            return BranchPatch(map, offsets: site.offsets == nil ? nil : FloatBuffer(c))
        } catch {
            throw AdapterError(.malformed, error.message, file: AdapterFile.weights, tensor: MemoryExpertsPlanner.outer(site.layer))
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
