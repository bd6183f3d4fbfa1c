internal import Tensors

/// How a request and a stored question match, by which the gate tells whether they mean the same. The same as `pair_features` of
/// scripts/memory/gate.py, from int8 vectors.
struct PairFeatures: Equatable {
    /// Of the sentence vectors.
    var cosine: Float = 0
    /// Of the mean vectors of words that are no names.
    var nameless: Float = 0
    var fact = Side()
    var request = Side()
    /// 1: the texts have different numbers.
    var numbersDiffer: Float = 0
    /// 1: both have a word such as who, when, where, why or how, and not the same.
    var asksDiffer: Float = 0
    /// 1: one asks how many or how much, the other does not.
    var amountsDiffer: Float = 0
    /// Content words that occur in both, but not as often, at most 2.
    var countsDiffer: Float = 0
    /// 1: one has a word such as not, the other has none.
    var negationDiffers: Float = 0

    /// How the words of one text are found in the other. Words count by their rarity.
    struct Side: Equatable {
        /// The share of words that are found.
        var covered: Float = 1
        /// The same where words that are not found count by their best match, names not at all.
        var soft: Float = 1
        /// The rarity of the rarest word that is not found, by 10.
        var rarestMissing: Float = 0
        /// The greatest rarity times what a match lacks, by 10.
        var worst: Float = 0
        /// Names that are not found, at most 2.
        var namesMissing: Float = 0
        /// A quarter for each content word that is not found, at most 1.
        var missing: Float = 0
        /// The worst best match of a piece of a content word (max-sim, as in ColBERT), and the mean.
        var least: Float = 1
        var mean: Float = 1
    }

    /// In the order of the weights.
    var values: [Float] {
        [
            cosine, nameless, fact.covered, request.covered, fact.soft, request.soft, fact.rarestMissing, request.rarestMissing, fact.worst,
            request.worst, fact.namesMissing, request.namesMissing, numbersDiffer, asksDiffer, amountsDiffer, countsDiffer,
            negationDiffers, fact.least, fact.mean, request.least, fact.missing, request.missing,
            min(fact.missing, request.missing),
        ]
    }
}

/// Compares texts, and keeps the memory that this takes. For one thread at a time.
struct PairComparison {
    private var bestOfFact: [Float] = []
    private var bestOfRequest: [Float] = []

    /// Cost: O(pieces * pieces * dimension).
    mutating func features(
        _ request: ComparedText, _ requestKey: FactKey, _ fact: ComparedText, _ factKey: FactKey, cosine: Float, sameText: Bool = false
    ) -> PairFeatures {
        match(request, requestKey.pieces, fact, factKey.pieces, dimension: requestKey.sentence.count)
        var features = PairFeatures()
        features.cosine = cosine
        features.nameless = zip(request.nameless, fact.nameless).reduce(0) { $0 + $1.0 * $1.1 }
        features.fact = Self.side(fact, in: request, best: bestOfFact, sameText: sameText)
        features.request = Self.side(request, in: fact, best: bestOfRequest, sameText: sameText)
        features.numbersDiffer = Self.hasNumbers(fact, allIn: request) && Self.hasNumbers(request, allIn: fact) ? 0 : 1
        features.asksDiffer = fact.asks != 0 && request.asks != 0 && fact.asks != request.asks ? 1 : 0
        features.amountsDiffer = fact.asksForAmount != request.asksForAmount ? 1 : 0
        features.negationDiffers = fact.negates != request.negates ? 1 : 0
        features.countsDiffer = Self.differingCounts(request, fact)
        return features
    }

    /// The greatest cosine of each piece with a piece of the other text.
    private mutating func match(_ request: ComparedText, _ r: FactKey.Pieces, _ fact: ComparedText, _ f: FactKey.Pieces, dimension: Int) {
        let start: Float = fact.rows.isEmpty || request.rows.isEmpty ? 0 : -1
        Self.reset(&bestOfFact, fact.rows.count, start)
        Self.reset(&bestOfRequest, request.rows.count, start)
        f.vectors.withUnsafeBufferPointer { left in
            r.vectors.withUnsafeBufferPointer { right in
                guard let left = left.baseAddress, let right = right.baseAddress else { return }
                for (i, a) in fact.rows.enumerated() {
                    for (j, b) in request.rows.enumerated() {
                        let product = Kernels.dot(left + a * dimension, right + b * dimension, count: dimension)
                        let cosine = Float(product) * (f.scales[a] * r.scales[b])
                        bestOfFact[i] = max(bestOfFact[i], cosine)
                        bestOfRequest[j] = max(bestOfRequest[j], cosine)
                    }
                }
            }
        }
    }

    private static func reset(_ values: inout [Float], _ count: Int, _ start: Float) {
        values.removeAll(keepingCapacity: true)
        values.append(contentsOf: repeatElement(start, count: count))
    }

    private static func side(_ text: ComparedText, in other: ComparedText, best: [Float], sameText: Bool) -> PairFeatures.Side {
        var side = PairFeatures.Side()
        var (total, covered, soft) = (Float(0), Float(0), Float(0))
        for word in text.words {
            let rarity = word.word.rarity
            let found = other.words.contains { $0.word.hash == word.word.hash && (!word.word.isUnknown || sameText) }
            let match = found ? 1 : word.word.isName ? 0 : max(0, best[word.pieces].min() ?? 0)
            total += rarity
            soft += rarity * match
            side.worst = max(side.worst, rarity * (1 - match) / 10)
            if found {
                covered += rarity
            } else {
                side.rarestMissing = max(side.rarestMissing, rarity / 10)
                if rarity > 0 { side.missing = min(1, side.missing + 0.25) }
                if word.word.isName { side.namesMissing = min(2, side.namesMissing + 1) }
            }
        }
        if total > 0 { (side.covered, side.soft) = (covered / total, soft / total) }
        measure(text, best, into: &side)
        return side
    }

    private static func measure(_ text: ComparedText, _ best: [Float], into side: inout PairFeatures.Side) {
        guard !best.isEmpty else { return }
        let hasContent = text.rarities.contains { $0 > 0 }
        var (least, sum, weights) = (Float.infinity, Float(0), Float(0))
        for (value, rarity) in zip(best, text.rarities) {
            if rarity > 0 || !hasContent { least = min(least, value) }
            sum += rarity * value
            weights += rarity
        }
        side.least = least
        side.mean = sum / max(weights, 1e-6)
    }

    private static func differingCounts(_ request: ComparedText, _ fact: ComparedText) -> Float {
        var differ: Float = 0
        for (place, word) in request.words.enumerated() where word.word.rarity > 0 && !word.word.isUnknown {
            let hash = word.word.hash
            guard !request.words[..<place].contains(where: { $0.word.hash == hash }) else { continue }
            let told = fact.words.count { $0.word.hash == hash }
            if told > 0, told != request.words.count(where: { $0.word.hash == hash }) { differ += 1 }
        }
        return min(2, differ)
    }

    private static func hasNumbers(_ text: ComparedText, allIn other: ComparedText) -> Bool {
        text.words.allSatisfy { word in
            !word.word.isNumber || other.words.contains { $0.word.isNumber && $0.word.hash == word.word.hash }
        }
    }
}
