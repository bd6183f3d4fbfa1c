extension ModelCost.Phase {
    /// A mixture of a linear map, or a projection's part of one in place of a feed-forward; the router is read with the gate.
    mutating func addMixtures(_ delta: AdapterDelta, _ layer: Int, _ projection: Projection, rows: Int) {
        if let mixture = delta[layer, projection]?.mixture {
            add(mixture.experts.map { LinearPatch(lowRank: $0) }, mixture.selection, rows: rows)
            add(router: mixture.router.count, rows: rows)
        }
        guard let mixture = delta.feedForward(layer) else { return }
        add(mixture.experts.map { $0[projection] }, mixture.selection, rows: rows)
        if projection == .gate { add(router: mixture.router.count, rows: rows) }
    }

    /// One part of experts. Each row reads and computes the least number of them: the smallest ones.
    private mutating func add(_ experts: [LinearPatch?], _ selection: ExpertSelection, rows: Int) {
        let sizes = experts.map { $0 ?? LinearPatch() }.sorted { $0.byteCount < $1.byteCount }
        for expert in sizes.prefix(selection.least(of: experts.count)) { add(expert, rows: rows) }
    }

    private mutating func add(router elements: Int, rows: Int) {
        bytes += 4 * elements
        f32Operations += 2 * rows * elements
    }
}
