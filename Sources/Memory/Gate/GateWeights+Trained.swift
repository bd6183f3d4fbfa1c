extension GateWeights {
    /// By scripts/memory/gate.py, in the order of `PairFeatures.values`.
    static let trained = GateWeights(
        values: [
            5.6074,  // cosine
            2.9608,  // nameless
            1.3562,  // coveredFact
            -0.7695,  // coveredRequest
            1.9105,  // softFact
            -0.1439,  // softRequest
            0.5128,  // rarestMissingFact
            -0.8929,  // rarestMissingRequest
            -1.6884,  // worstFact
            -0.9856,  // worstRequest
            -0.1648,  // namesMissingFact
            -0.7824,  // namesMissingRequest
            -1.1316,  // numbersDiffer
            -7.2920,  // asksDiffer
            -2.0821,  // amountsDiffer
            -1.2102,  // countsDiffer
            -2.2752,  // negationDiffers
            3.1132,  // leastFact
            1.3274,  // meanFact
            3.5278,  // leastRequest
            0.7347,  // missingFact
            -0.3297,  // missingRequest
            -0.4536,  // substituted
        ], bias: -13.1090)

    /// The least threshold of a store, also from there.
    static let threshold: Float = 1.0
}
