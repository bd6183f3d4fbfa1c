extension AdapterDelta {
    /// With the branches of another delta beside its own effect. Nothing is copied. Errors: `wrongShape` where both have a branch.
    public func adding(branchesOf other: AdapterDelta) throws(ModelError) -> AdapterDelta {
        guard layers == other.layers else {
            throw ModelError(.wrongShape, "one delta is for \(layers) layers, the other for \(other.layers)")
        }
        if let layer = (0..<layers).first(where: { branch($0) != nil && other.branch($0) != nil }) {
            throw ModelError(.wrongShape, "both have a branch beside the feed-forward of layer \(layer)")
        }
        return AdapterDelta(self, branches: BranchPart(layers: layers, (0..<layers).map { branch($0) ?? other.branch($0) }))
    }
}
