extension MemoryGate {
    /// The greatest score between a fact's wordings and the facts of a table, whichever asks and whichever is asked; nil: no other fact is
    /// near. It is what `GateCalibration` counts. Cost: two decisions a wording, whatever the number of facts.
    ///
    /// - Parameters:
    ///   - own: the keys of the fact.
    ///   - fact: its id if the table has it already, so that it is no rival of its own.
    ///   - keys: as in `decide`.
    public func rivalry<Failure: Error>(
        of own: [FactKey], fact: Fact.ID? = nil, in table: FactKeyTable, keys: (Fact.ID) throws(Failure) -> [FactKey]?
    ) throws(Failure) -> Float? {
        let workspace = take()
        defer { give(workspace) }
        var greatest: Float?
        for key in own {
            let near = try candidates("", key, in: table, except: fact, workspace, keys: keys, texts: { (_) throws(Failure) in nil })
            for candidate in near {
                guard let score = candidate.score, let stored = try keys(candidate.fact) else { continue }
                let back = scoreAsked(stored[candidate.wording], key, candidate.cosine, workspace)
                greatest = max(greatest ?? -.infinity, score, back)
            }
        }
        return greatest
    }

    private func scoreAsked(_ request: FactKey, _ fact: FactKey, _ cosine: Float, _ workspace: Workspace) -> Float {
        workspace.request.prepare(request.pieces, dimension: request.sentence.count, vocabulary: vocabulary)
        workspace.fact.prepare(fact.pieces, dimension: fact.sentence.count, vocabulary: vocabulary)
        return weights.score(workspace.comparison.features(workspace.request, request, workspace.fact, fact, cosine: cosine))
    }

    /// Whether a further wording of a fact may be a key. A wording is refused when it opens another fact, or almost, and matches it
    /// better than its own question. One that a rule made is also refused when it matches its question too little to be trusted.
    ///
    /// - Parameters:
    ///   - wording: its key, and `question`: that of the fact's question.
    ///   - isTold: a person said that it means the same. Otherwise a rule made it.
    ///   - fact, keys: as in `rivalry`; `threshold`: the store's.
    public func check<Failure: Error>(
        _ wording: FactKey, of question: FactKey, isTold: Bool, fact: Fact.ID? = nil, in table: FactKeyTable, threshold: Float,
        keys: (Fact.ID) throws(Failure) -> [FactKey]?
    ) throws(Failure) -> WordingVerdict {
        let workspace = take()
        defer { give(workspace) }
        let near = try candidates("", wording, in: table, except: fact, workspace, keys: keys, texts: { (_) throws(Failure) in nil })
        let cosine = Self.cosine(wording, question)
        let own = scoreAsked(wording, question, cosine, workspace)
        guard let best = GateDecision(near, threshold: threshold).candidates.first, let score = best.score else {
            return isTold || cosine >= Self.leastMade ? .accepted : .unlike(cosine: cosine)
        }
        // A told wording may be far from its question, and is then as near to others: only one that means another fact is refused.
        if score >= threshold || score > own && (score > 0 || !isTold) { return .nearer(fact: best.fact, score: score, own: own) }
        return isTold || cosine >= Self.leastMade ? .accepted : .unlike(cosine: cosine)
    }

    /// The least cosine of a wording that a rule made with its question.
    private static let leastMade: Float = 0.8

    private static func cosine(_ a: FactKey, _ b: FactKey) -> Float {
        let product = zip(a.sentence, b.sentence).reduce(0) { $0 + Int32($1.0) * Int32($1.1) }
        return Float(product) * (a.scale * b.scale)
    }
}

/// Whether a wording may be a further key of a fact.
public enum WordingVerdict: Sendable, Equatable {
    case accepted
    /// It means another fact, or that one more than its own question: the scores with both.
    case nearer(fact: Fact.ID, score: Float, own: Float)
    /// A rule made it, and it is too far from the question.
    case unlike(cosine: Float)

    /// Why it is refused, for a person; nil: it is not.
    public var reason: String? {
        switch self {
        case .accepted: nil
        case .nearer(let fact, let score, let own):
            "the wording means fact \(fact) (score \(rounded(score))) rather than its own question (score \(rounded(own)))"
        case .unlike(let cosine): "the wording is too far from the question: cosine \(rounded(cosine))"
        }
    }

    private func rounded(_ value: Float) -> Double { (Double(value) * 100).rounded() / 100 }
}
