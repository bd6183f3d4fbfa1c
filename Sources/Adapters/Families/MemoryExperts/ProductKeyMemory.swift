import Generation
internal import Models

/// Slices that product keys select for every request: what the paper describes, without a gate.
///
/// At each site the same addresses are selected. Those that were never written add nothing; when none of them is, the base
/// answers, bit for bit.
struct ProductKeyMemory: DeltaRetrieval {
    let keys: ProductKeys
    let slices: MemorySlices
    /// Slices at each site.
    let count: Int

    var byteCount: Int { keys.byteCount + slices.byteCount }
    var dimension: Int { keys.dimension }

    /// Notes that nothing would change.
    func check(problems: inout AdapterProblems) {
        guard slices.isIdle else { return }
        problems.note(
            AdapterError(
                .noEffect, "no slice is written and not zero: the adapter would change nothing", file: AdapterFile.weights,
                tensor: slices.sites.first.map { MemoryExpertsPlanner.outer($0.layer) }))
    }

    func retrieve(_ text: String, with encoder: any TextEmbedder) throws(AdapterError) -> RetrievedDelta? {
        try select(try encoder.query(text))
    }

    /// The slices of a text's unit vector. Their score is the share of the selected addresses that are written.
    func select(_ vector: [Float]) throws(AdapterError) -> RetrievedDelta? {
        guard vector.count == dimension else { return nil }
        let (slots, shares) = keys.select(vector, count)
        let written = slices.written(slots)
        guard written > 0 else { return nil }
        let recall = MemoryRecall(
            memory: "", fact: nil, score: Double(written) / Double(slots.count), threshold: 1 / Double(slots.count))
        return RetrievedDelta(delta: try slices.delta { _ in (slots[...], shares[...]) }, recall: recall)
    }
}

extension TextEmbedder {
    /// The unit vector of one text. Errors: `unavailable`.
    func query(_ text: String) throws(AdapterError) -> [Float] {
        do {
            return try embed([text]).vectors
        } catch {
            throw AdapterError(.unavailable, "the encoder failed: \(error)")
        }
    }
}
