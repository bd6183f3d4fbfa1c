extension ModelCost.Phase {
    /// A patch without its mixture: its bytes once, its products for each row.
    mutating func add(_ patch: LinearPatch, rows: Int) {
        bytes += (patch.lowRank?.byteCount ?? 0) + patch.vectorBytes
        if let lowRank = patch.lowRank { add(lowRank, rows: rows) }
    }

    /// The products of a low-rank update.
    mutating func add(_ lowRank: LowRank, rows: Int) {
        let operations = 2 * rows * lowRank.rank * (lowRank.outputs + lowRank.inputs)
        if lowRank.element == .int8 { int8Operations += operations } else { f32Operations += operations }
    }
}
