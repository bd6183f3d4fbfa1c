internal import Synchronization

/// Tells which stored question a request means, if any: nearest facts by sentence vectors, then a score of each that looks at words, names,
/// numbers and the vectors of word pieces.
///
/// Any thread may call it, and calls do not wait for each other. Each call takes a workspace from a list or makes one, so in the long run
/// the scan allocates nothing. Cost at 100,000 keys of 384 elements, on one core of an AMD EPYC (Zen 5), besides reading keys: 0.6 ms,
/// 0.96 ms at the 99th percentile, of which the scan takes 0.46 and 0.68 ms. After other work has filled the caches it is 1.1 and 1.5 ms.
public final class MemoryGate: Sendable {
    /// Facts that are compared with a request.
    public static let candidates = 8
    /// Candidates below this cosine mean something else: none scored as much as the least threshold of a store.
    static let leastCosine: Float = 0.5

    let vocabulary: WordVocabulary
    let weights: GateWeights
    private let workspaces = Mutex<[Workspace]>([])

    public convenience init(vocabulary: WordVocabulary) { self.init(vocabulary: vocabulary, weights: .trained) }

    init(vocabulary: WordVocabulary, weights: GateWeights) {
        self.vocabulary = vocabulary
        self.weights = weights
    }

    /// `@unchecked Sendable`: a workspace is either in the list, which its mutex guards, or held by one call. A breach would show in the
    /// test that decides on many threads at once.
    final class Workspace: @unchecked Sendable {
        var nearest = NearestFacts()
        var request = ComparedText()
        var fact = ComparedText()
        var comparison = PairComparison()
    }

    /// - Parameters:
    ///   - text: the request, and `key`: its vectors.
    ///   - table: of all facts.
    ///   - threshold: `GateCalibration.threshold` of the store, or one that was set. Below the least that a store chooses, no candidate is
    ///     too far away to be compared.
    ///   - keys: the keys of a fact of the table, with their pieces, the question's first; nil: it is gone, and is passed over.
    ///   - texts: the texts of the same keys. It is asked only for words that the vocabulary cannot spell.
    /// - Throws: what `keys` and `texts` throw.
    public func decide<Failure: Error>(
        _ text: String, _ key: FactKey, in table: FactKeyTable, threshold: Float,
        keys: (Fact.ID) throws(Failure) -> [FactKey]?, texts: (Fact.ID) throws(Failure) -> [String]?
    ) throws(Failure) -> GateDecision {
        let workspace = take()
        defer { give(workspace) }
        return GateDecision(
            try candidates(
                text, key, in: table, except: nil, leastCosine: threshold < GateCalibration.least ? -1 : Self.leastCosine, workspace,
                keys: keys, texts: texts),
            threshold: threshold)
    }

    /// The facts nearest to a request, without `except`, each with its score where its cosine is at least `leastCosine`.
    func candidates<Failure: Error>(
        _ text: String, _ key: FactKey, in table: FactKeyTable, except: Fact.ID?, leastCosine: Float = MemoryGate.leastCosine,
        _ workspace: Workspace, keys: (Fact.ID) throws(Failure) -> [FactKey]?, texts: (Fact.ID) throws(Failure) -> [String]?
    ) throws(Failure) -> [GateDecision.Candidate] {
        workspace.nearest.find(key.sentence, scale: key.scale, in: table, count: Self.candidates + (except == nil ? 0 : 1))
        workspace.request.prepare(key.pieces, dimension: key.sentence.count, vocabulary: vocabulary)
        var candidates: [GateDecision.Candidate] = []
        candidates.reserveCapacity(Self.candidates)
        for near in workspace.nearest.found where near.fact != except && candidates.count < Self.candidates {
            var candidate = GateDecision.Candidate(fact: near.fact, wording: near.wording, cosine: near.cosine, score: nil)
            if near.cosine >= leastCosine {
                guard let stored = try keys(near.fact), stored.indices.contains(near.wording) else { continue }
                candidate.score = try score(text, key, stored[near.wording], near.cosine, workspace) { () throws(Failure) in
                    let texts = try texts(near.fact) ?? []
                    return texts.indices.contains(near.wording) ? texts[near.wording] : nil
                }
            }
            candidates.append(candidate)
        }
        return candidates
    }

    /// `workspace.request` is prepared.
    private func score<Failure: Error>(
        _ text: String, _ request: FactKey, _ fact: FactKey, _ cosine: Float, _ workspace: Workspace, told: () throws(Failure) -> String?
    ) throws(Failure) -> Float {
        workspace.fact.prepare(fact.pieces, dimension: fact.sentence.count, vocabulary: vocabulary)
        var isSame = false
        if workspace.request.hasUnknown && workspace.fact.hasUnknown && request.pieces.tokens == fact.pieces.tokens {
            isSame = try told().map { Self.folded($0) == Self.folded(text) } ?? false
        }
        let features = workspace.comparison.features(workspace.request, request, workspace.fact, fact, cosine: cosine, sameText: isSame)
        return weights.score(features)
    }

    /// Without case and surplus white space.
    private static func folded(_ text: String) -> [Substring] { text.lowercased().split(whereSeparator: \.isWhitespace) }

    func take() -> Workspace { workspaces.withLock { $0.popLast() } ?? Workspace() }
    func give(_ workspace: Workspace) { workspaces.withLock { $0.append(workspace) } }
}
