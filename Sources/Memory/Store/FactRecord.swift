/// What a store keeps of a fact: its texts, the keys that find it, the experts that answer.
public struct FactRecord: Sendable, Equatable {
    public var fact: Fact
    /// Of the question, then of each other wording.
    public var keys: [FactKey]
    public var experts: FactExperts
    /// `MemoryGate.rivalry` when it was told; nil: no other fact was near.
    public var rivalry: Float?

    public init(fact: Fact, keys: [FactKey], experts: FactExperts, rivalry: Float? = nil) {
        self.rivalry = rivalry
        self.fact = fact
        self.keys = keys
        self.experts = experts
    }

    /// Errors: `invalid` for what contradicts the store or itself, `full` for what exceeds a bound.
    func check(_ identity: StoreIdentity, _ limits: StoreLimits) throws(MemoryError) {
        func bound(_ count: Int, _ limit: Int, _ what: String, _ unit: String) throws(MemoryError) {
            guard count <= limit else { throw MemoryError(.full, "\(count) \(unit); a store takes \(limit)", place: what) }
        }
        func must(_ holds: Bool, _ what: String, _ message: @autoclosure () -> String) throws(MemoryError) {
            guard holds else { throw MemoryError(.invalid, message(), place: what) }
        }
        try must(!fact.question.isEmpty, "question", "the question is empty")
        try bound(fact.question.utf8.count, limits.questionBytes, "question", "bytes")
        try bound(fact.wordings.count, limits.wordings, "wordings", "wordings")
        for (index, wording) in fact.wordings.enumerated() {
            try bound(wording.utf8.count, limits.questionBytes, "wordings[\(index)]", "bytes")
        }
        try bound(fact.answer.utf8.count, limits.answerBytes, "answer", "bytes")
        try bound(fact.source?.utf8.count ?? 0, limits.sourceBytes, "source", "bytes")
        try must(
            keys.count == fact.wordings.count + 1, "keys", "\(keys.count) keys; expected one for each of \(fact.wordings.count + 1) wordings")
        for (index, key) in keys.enumerated() {
            try must(
                key.sentence.count == identity.dimension, "keys[\(index)]",
                "\(key.sentence.count) elements; the store has keys of \(identity.dimension)")
            try must(key.scale.isFinite, "keys[\(index)].scale", "not a finite number")
            try bound(key.pieces.count, limits.pieces, "keys[\(index)].pieces", "word pieces")
            try must(
                key.pieces.words.count == key.pieces.count && key.pieces.scales.count == key.pieces.count
                    && key.pieces.vectors.count == key.pieces.count * identity.dimension,
                "keys[\(index)].pieces", "\(key.pieces.count) pieces do not have a word, a scale and \(identity.dimension) elements each")
            try must(key.pieces.scales.allSatisfy(\.isFinite), "keys[\(index)].pieces.scales", "not a finite number")
        }
        try must(rivalry?.isFinite ?? true, "rivalry", "not a finite number")
        try must(experts.site == identity.site, "experts", "experts of layer \(experts.site); the store has those of layer \(identity.site)")
        try must(
            experts.hidden == identity.hidden, "experts", "experts of \(experts.hidden) elements; the store has those of \(identity.hidden)")
        try must(experts.count > 0, "experts", "no expert: the fact would answer nothing")
        try bound(experts.count, limits.experts, "experts", "experts")
        try must(
            experts.inner.count == experts.count * experts.hidden && experts.outer.count == experts.inner.count, "experts",
            "\(experts.count) experts of \(experts.hidden) elements have \(experts.inner.count) and \(experts.outer.count)")
        try must(experts.offsets.allSatisfy(\.isFinite), "experts.offsets", "not a finite number")
    }
}
