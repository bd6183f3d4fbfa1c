extension ModelCost.Phase {
    /// Updates of one layer's experts: each row reads and computes at least those of the experts that are the smallest.
    mutating func add(_ patch: ExpertsPatch, chosen: Int, rows: Int) {
        if let router = patch.router { add(LinearPatch(lowRank: router), rows: rows) }
        let experts = patch.experts.map { $0.parts.compactMap { $0 } }.sorted { size($0) < size($1) }
        for expert in experts.prefix(chosen) {
            for update in expert { add(LinearPatch(lowRank: update), rows: rows) }
        }
    }

    private func size(_ updates: [LowRank]) -> Int { updates.reduce(0) { $0 + $1.byteCount } }
}
