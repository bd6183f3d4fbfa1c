extension ModelCost.Phase {
    mutating func add(branch: LowRank, rows: Int) {
        bytes += branch.byteCount
        add(branch, rows: rows)
    }
}
