extension ModelCost.Phase {
    mutating func add(branch: BranchPatch, rows: Int) {
        bytes += branch.byteCount
        add(branch.lowRank, rows: rows)
    }
}
