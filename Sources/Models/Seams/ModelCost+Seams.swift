extension ModelCost.Phase {
    /// What an adapter's rows cost at one projection of a layer, at each seam that acts there.
    mutating func add(_ delta: AdapterDelta, _ layer: Int, _ projection: Projection, rows: Int) {
        if let patch = delta[layer, projection] { add(patch, rows: rows) }
        addMixtures(delta, layer, projection, rows: rows)
        if projection == .down, let branch = delta.branch(layer) { add(branch: branch, rows: rows) }
    }
}
