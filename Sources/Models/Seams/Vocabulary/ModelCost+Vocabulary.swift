extension ModelCost.Phase {
    /// Of adapters that change the embedding: a row of a table is read for each token, B of a low-rank update once.
    static func embedding(_ batch: StepBatch) -> ModelCost.Phase {
        var phase = ModelCost.Phase(.embedding)
        var seen: Set<ObjectIdentifier> = []
        for run in batch.runs {
            guard let delta = run.delta, let patch = delta.embedding else { continue }
            let rows = run.tokens.count
            if let table = patch.table { phase.bytes += rows * (table.byteCount / table.rows) }
            guard let lowRank = patch.lowRank else { continue }
            let rankBytes = lowRank.byteCount / (lowRank.vocabulary + lowRank.hidden)
            phase.bytes += rows * rankBytes
            if seen.insert(ObjectIdentifier(delta)).inserted { phase.bytes += rankBytes * lowRank.hidden }
            phase.f32Operations += 2 * rows * lowRank.rank * lowRank.hidden
        }
        return phase
    }

    /// Of the vocabulary projection: the base's weights once for all rows that use them, and what each adapter has of its own.
    static func head(_ batch: StepBatch, _ configuration: DecoderConfiguration, packedBytes: Int) -> ModelCost.Phase {
        let width = configuration.vocabulary * configuration.hidden
        var phase = ModelCost.Phase(.head)
        var seen: Set<ObjectIdentifier> = []
        var baseRows = 0
        for run in batch.runs where run.logitsRows > 0 {
            let rows = run.logitsRows
            guard let delta = run.delta, let patch = delta.head else {
                baseRows += rows
                continue
            }
            if seen.insert(ObjectIdentifier(delta)).inserted { phase.bytes += patch.byteCount }
            if let matrix = patch.matrix {
                if matrix.isPacked { phase.int8Operations += 2 * rows * width } else { phase.f32Operations += 2 * rows * width }
            } else {
                baseRows += rows
            }
            phase.f32Operations += 2 * rows * (patch.rows?.tokens.count ?? 0) * configuration.hidden
            if let lowRank = patch.linear.lowRank { phase.add(lowRank, rows: rows) }
        }
        if baseRows > 0 { phase.bytes += packedBytes }
        phase.int8Operations += 2 * baseRows * width
        return phase
    }
}
