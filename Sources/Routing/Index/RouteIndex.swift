/// What the router knows at one moment: the adapters' examples, the rules that are trained on them, and their calibration. Immutable.
struct RouteIndex: Sendable {
    struct Entry: Sendable {
        var definition: RouteDefinition
        var examples: ExampleVectors
    }

    /// The index's judgement of one text.
    struct Judgement: Sendable {
        struct Candidate: Sendable {
            /// Position in `entries`.
            var entry: Int
            var score: Float
            var probability: Double
            /// Its examples are nearly the best one's, so that the router cannot tell the two apart.
            var isLikeBest: Bool
            /// Positions of the nearest examples, nearest first, with their similarities; empty far down the list.
            var nearest: [(example: Int, similarity: Float)]
        }

        /// Best first.
        var candidates: [Candidate]
        /// The probability that none of them is meant.
        var none: Double
    }

    /// How many adapters' examples are searched: the best by their rules.
    static let searched = 4
    /// The least cosine of mean vectors of adapters that are alike.
    private static let alike: Float = 0.9

    private(set) var entries: [Entry]
    /// By the adapter's name.
    private let positions: [String: Int]
    let neighbours: Int
    /// The direction of the mean vector of each entry's examples: of unit length, or zero.
    private let means: [[Float]]
    private(set) var discriminant: Discriminant?
    private(set) var calibration = Calibration.prior
    /// For training the next index.
    private(set) var sums: FeatureSums?
    /// Texts that no adapter should answer.
    private(set) var outOfScope: ExampleVectors?
    /// What the rules were trained on. It shares the memory of the examples.
    private(set) var set: TrainingSet?
    /// Knows the words of the examples. Nil: texts are taken as they are.
    var spelling: Spelling?

    init(entries: [Entry], neighbours: Int) {
        self.entries = entries
        positions = Dictionary(entries.indices.map { (entries[$0].definition.adapter, $0) }, uniquingKeysWith: { first, _ in first })
        self.neighbours = neighbours
        means = entries.map { Similarity.direction($0.examples.mean) }
    }

    /// Trains the rules and calibrates them, or takes rules from the cache that were trained on the same examples.
    ///
    /// - Parameters:
    ///   - negatives: out-of-scope texts.
    ///   - previous: the sums of the last index.
    ///   - cache: read where there is no last index, and written after each training.
    init(
        entries: [Entry], negatives: ExampleVectors, neighbours: Int, distanceRange: Range<Int>, previous: FeatureSums? = nil,
        cache: ExampleCache? = nil
    ) {
        self.init(entries: entries, neighbours: neighbours)
        outOfScope = negatives
        var groups = entries.enumerated().map { 
            TrainingSet.Group(name: "adapter \($1.definition.adapter)", adapter: $0, features: $1.examples.features)
        }
        groups.append(.init(name: "none", adapter: nil, features: negatives.features))
        let set = TrainingSet(
            featureDimension: negatives.featureDimension, distanceRange: distanceRange, adapters: entries.count, groups: groups)
        if entries.isEmpty { return }
        self.set = set
        let key = RuleCache.key(set, neighbours: neighbours)
        if previous == nil, let rules = cache?.rules(key, set) {
            discriminant = Discriminant(map: rules.map, adapters: entries.count, weights: rules.weights)
            calibration = rules.calibration
            return
        }
        guard let fit = RidgeFit(set, previous: previous) else { return }
        sums = fit.sums
        discriminant = Discriminant(map: fit.map, adapters: entries.count, weights: fit.weights)
        calibration = Calibration.fit(CalibrationSamples(index: self, fit: fit, set: set, negatives: negatives).make(), adapters: entries.count)
        // Rules that were trained on zeros must not be kept.
        if isWhole { cache?.keep(.init(map: fit.map, weights: fit.weights, calibration: calibration), key, adapters: entries.count) }
    }

    /// - Parameters:
    ///   - features: of the text; `vector` is its unit vector.
    ///   - top: for how many candidates nearest examples are wanted.
    ///   - isAllowed: by position in `entries`.
    func judge(
        features: UnsafeBufferPointer<Float>, vector: UnsafeBufferPointer<Float>, top: Int, where isAllowed: (Int) -> Bool = { _ in true }
    ) -> Judgement {
        guard let discriminant, let start = features.baseAddress else { return Judgement(candidates: [], none: 1) }
        let scores = discriminant.scores(start)
        let ranked = entries.indices.filter(isAllowed).sorted { (scores[$0], $1) > (scores[$1], $0) }
        guard let best = ranked.first else { return Judgement(candidates: [], none: 1) }
        var nearest = NearestExamples(neighbours)
        var found: [[(example: Int, similarity: Float)]] = []
        var nearness: Float = -1
        for (place, entry) in ranked.prefix(max(top, Self.searched)).enumerated() {
            let mean = nearest.score(entries[entry].examples, vector) ?? -1
            if place < Self.searched { nearness = max(nearness, mean) }
            found.append(nearest.best)
        }
        let scope = calibration.scope(.init(score: mass(ranked, scores), nearness: nearness))
        let shares = calibration.shares(ranked.map { scores[$0] })
        let candidates = ranked.enumerated().map { place, entry in
            Judgement.Candidate(
                entry: entry, score: scores[entry], probability: scope * shares[place],
                isLikeBest: place > 0 && place < Self.searched && areAlike(entry, best),
                nearest: place < found.count ? found[place] : [])
        }
        return Judgement(candidates: candidates, none: 1 - scope)
    }

    /// What the scope of a text is judged by, for the calibration: as in `judge`, but without the example `skipped`.
    func evidence(
        _ scores: [Float], _ vector: UnsafeBufferPointer<Float>, skipping skipped: (entry: Int, example: Int)?,
        where isAllowed: (Int) -> Bool
    ) -> Calibration.Evidence {
        let ranked = entries.indices.filter(isAllowed).sorted { (scores[$0], $1) > (scores[$1], $0) }
        var nearest = NearestExamples(neighbours)
        let nearness = ranked.prefix(Self.searched).reduce(Float(-1)) { greatest, entry in
            max(greatest, nearest.score(entries[entry].examples, vector, skipping: skipped?.entry == entry ? skipped?.example : nil) ?? -1)
        }
        return Calibration.Evidence(score: mass(ranked, scores), nearness: nearness)
    }

    /// The best score with those of adapters that are alike: they share among them what one alone would get.
    private func mass(_ ranked: [Int], _ scores: [Float]) -> Float {
        guard let best = ranked.first else { return 0 }
        return ranked.prefix(Self.searched).dropFirst().reduce(scores[best]) { sum, entry in
            areAlike(entry, best) ? sum + max(scores[entry], 0) : sum
        }
    }

    private func areAlike(_ one: Int, _ other: Int) -> Bool { likeness(one, other) >= Self.alike }

    /// Cosine of the adapters' mean vectors.
    func likeness(_ one: Int, _ other: Int) -> Float { Similarity.product(means[one], means[other]) }

    /// By position in `entries`, whether it is one of the named; unknown names are left out. Cost: `O(names + entries)`.
    func selection(_ names: [String]) -> [Bool] {
        var selection = [Bool](repeating: false, count: entries.count)
        for name in names { if let position = position(of: name) { selection[position] = true } }
        return selection
    }

    /// Names come from clients, and hashing a long one is quadratic in the worst case: no adapter has one.
    func position(of name: String) -> Int? { name.utf8.count <= Self.longestName ? positions[name] : nil }

    /// Bytes of an adapter's name.
    static let longestName = 64

    /// False when a file became shorter that vectors of the index are mapped from. Cost: a system call for each mapped entry.
    var isWhole: Bool { entries.allSatisfy(\.examples.isWhole) && outOfScope?.isWhole ?? true }

    /// Positions of the entries whose vectors were searched for a judgement and could not all be read.
    func damaged(_ judgement: Judgement) -> [Int] {
        judgement.candidates.lazy.filter { !$0.nearest.isEmpty }.map(\.entry).filter { entries[$0].examples.isDamaged }
    }

    /// The same index with some entries' vectors replaced by others of the same texts.
    func replacing(_ examples: [String: ExampleVectors]) -> RouteIndex {
        var index = self
        for (name, new) in examples {
            guard let position = position(of: name), entries[position].examples.texts == new.texts else { continue }
            index.entries[position].examples = new
        }
        return index
    }

    /// Adapters that are alike with this one. Cost: `O(entries * dimension)`.
    func likes(of entry: Int) -> [Int] { entries.indices.filter { $0 != entry && areAlike($0, entry) } }
}
