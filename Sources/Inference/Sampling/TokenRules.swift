/// What a request forbids by the tokens alone: all but some, the last token of a banned word, and an end that comes too early.
///
/// A value type: a copy keeps its state. The sampler applies it beside a `TokenConstraint` and advances it by each token that it draws.
struct TokenRules: Sendable {
    /// Rising; nil allows all.
    private let allowed: [Int32]?
    /// Each has a token at least.
    private let words: [[Int32]]
    private let ends: [Int32]
    private let minTokens: Int
    /// Of the longest word, less one.
    private let memory: Int
    /// Tokens drawn so far, and the last of them.
    private var count = 0
    private var recent: [Int32] = []

    /// Nil: nothing is forbidden.
    ///
    /// - Parameters:
    ///   - words: each as tokens.
    ///   - ends: which end the answer, and are not drawn among the first `minTokens`.
    init?(allowed: Set<Int32>?, words: [[Int32]], ends: Set<Int32>, minTokens: Int) {
        let words = words.filter { !$0.isEmpty }
        guard allowed != nil || !words.isEmpty || (minTokens > 0 && !ends.isEmpty) else { return nil }
        self.allowed = allowed?.sorted()
        self.words = words
        self.ends = ends.sorted()
        self.minTokens = minTokens
        memory = (words.map(\.count).max() ?? 1) - 1
    }

    /// Sets the logits of forbidden tokens to `-infinity`, those of an early end apart. `O(vocabulary)` where only some are allowed.
    func mask(_ logits: UnsafeMutableBufferPointer<Float>) {
        if let allowed { keep(allowed, of: logits) }
        for word in words {
            let before = word.dropLast()
            guard recent.suffix(before.count).elementsEqual(before), let last = word.last, logits.indices.contains(Int(last)) else { continue }
            logits[Int(last)] = -.infinity
        }
    }

    /// Sets the logits of ends to `-infinity` where it is too early for them, unless all others are `-infinity`: a constraint that is
    /// complete allows nothing but an end. Comes after the constraint's mask.
    func maskEnds(_ logits: UnsafeMutableBufferPointer<Float>) {
        guard count < minTokens else { return }
        let places = ends.map(Int.init).filter(logits.indices.contains)
        let before = places.map { logits[$0] }
        for place in places { logits[place] = -.infinity }
        guard !logits.contains(where: { $0 > -.infinity }) else { return }
        for (place, logit) in zip(places, before) { logits[place] = logit }
    }

    mutating func accept(_ token: Int32) {
        count += 1
        guard memory > 0 else { return }
        if recent.count == memory { recent.removeFirst() }
        recent.append(token)
    }

    private func keep(_ allowed: [Int32], of logits: UnsafeMutableBufferPointer<Float>) {
        var next = 0
        for token in allowed.map(Int.init) + [logits.count] where token >= next && token <= logits.count {
            for index in next..<token { logits[index] = -.infinity }
            next = token + 1
        }
    }
}
