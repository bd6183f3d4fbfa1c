/// Whether a request means a stored question, and how it came to that.
public struct GateDecision: Sendable, Equatable {
    public struct Candidate: Sendable, Equatable {
        public var fact: Fact.ID
        /// The fact's key that was compared: 0 the question, then the other wordings.
        public var wording: Int
        /// Of the sentence vectors.
        public var cosine: Float
        /// Nil: too far away to be compared.
        public var score: Float?
    }

    /// The request with a synonym in the place of one of its terms, where that is what was compared; nil: as it came.
    public var readAs: String?
    /// The fact whose question the request means; nil: none.
    public var fact: Fact.ID?
    /// Of the best candidate; nil: there is none that was compared.
    public var score: Float?
    /// By how much the next candidate's score is behind the best one's; nil: no other was compared.
    public var margin: Float?
    /// The score from which on a request means a question.
    public var threshold: Float
    /// Best first.
    public var candidates: [Candidate]

    init(_ candidates: [Candidate], threshold: Float) {
        self.candidates = candidates.sorted { a, b in
            let (first, second) = (a.score ?? -.infinity, b.score ?? -.infinity)
            return first != second ? first > second : a.cosine != b.cosine ? a.cosine > b.cosine : a.fact < b.fact
        }
        self.threshold = threshold
        score = self.candidates.first?.score
        margin = score.flatMap { [next = self.candidates.dropFirst().first?.score] score in next.map { score - $0 } }
        fact = score.flatMap { [best = self.candidates.first?.fact] score in score >= threshold ? best : nil }
    }
}
