extension MemoryGate {
    /// Which fact of a snapshot a request means, if any. Cost: besides the scan, four reads of a file a candidate that is near.
    /// Errors: those of `MemorySnapshot.keys(of:)`.
    ///
    /// - Parameter threshold: nil: the store's own.
    public func decide(
        _ text: String, _ key: FactKey, in snapshot: MemorySnapshot, threshold: Float? = nil
    ) throws(MemoryError) -> GateDecision {
        try decide(
            text, key, in: snapshot.keys, threshold: threshold ?? snapshot.threshold, keys: { (id) throws(MemoryError) in try snapshot.keys(of: id) },
            texts: { (id) throws(MemoryError) in try snapshot.fact(id).map { [$0.question] + $0.wordings } })
    }

    /// The rivalry of a fact with those of a snapshot, which `GateCalibration` counts. `fact`: its id if it is in the snapshot.
    public func rivalry(of own: [FactKey], fact: Fact.ID? = nil, in snapshot: MemorySnapshot) throws(MemoryError) -> Float? {
        try rivalry(of: own, fact: fact, in: snapshot.keys, keys: { (id) throws(MemoryError) in try snapshot.keys(of: id) })
    }

    /// Whether a further wording of a fact may be a key in a snapshot.
    public func check(
        _ wording: FactKey, of question: FactKey, isTold: Bool, fact: Fact.ID? = nil, in snapshot: MemorySnapshot
    ) throws(MemoryError) -> WordingVerdict {
        try check(
            wording, of: question, isTold: isTold, fact: fact, in: snapshot.keys, threshold: snapshot.threshold,
            keys: { (id) throws(MemoryError) in try snapshot.keys(of: id) })
    }
}
