/// What training changes at the embedding and at the vocabulary projection. See `EmbeddingPatch` and `HeadPatch`.
public struct VocabularyForm: Sendable, Equatable {
    /// A and B of a low-rank update, and the factor before it.
    public struct LowRankForm: Sendable, Equatable {
        public var rank: Int
        public var scale: Float

        public init(rank: Int, scale: Float) { (self.rank, self.scale) = (rank, scale) }
    }

    /// Tokens whose rows are trained, rising: of the embedding, and with a tied head of the head, too. Their rows are one tensor.
    public var embeddingTokens: [Int32]
    /// Those of an untied head, rising.
    public var headTokens: [Int32]
    public var embedding: LowRankForm?
    public var head: LowRankForm?

    public init(
        embeddingTokens: [Int32] = [], headTokens: [Int32] = [], embedding: LowRankForm? = nil, head: LowRankForm? = nil
    ) {
        for tokens in [embeddingTokens, headTokens] {
            precondition(zip(tokens, tokens.dropFirst()).allSatisfy { $0 < $1 }, "trained tokens do not rise")
        }
        (self.embeddingTokens, self.headTokens, self.embedding, self.head) = (embeddingTokens, headTokens, embedding, head)
    }

    /// By their places, in the order of the buffers.
    func tensors(_ configuration: DecoderConfiguration) -> [(ParameterTensor.Place, ParameterTensor.Shape)] {
        let (vocabulary, hidden) = (configuration.vocabulary, configuration.hidden)
        var tensors: [(ParameterTensor.Place, ParameterTensor.Shape)] = []
        if let embedding {
            tensors.append((.embedding, .init(kind: .a, rows: embedding.rank, columns: vocabulary)))
            tensors.append((.embedding, .init(kind: .b, rows: hidden, columns: embedding.rank)))
        }
        if !embeddingTokens.isEmpty { tensors.append((.embedding, .init(kind: .tokenRows, rows: embeddingTokens.count, columns: hidden))) }
        if let head {
            tensors.append((.head, .init(kind: .a, rows: head.rank, columns: hidden)))
            tensors.append((.head, .init(kind: .b, rows: vocabulary, columns: head.rank)))
        }
        if !headTokens.isEmpty { tensors.append((.head, .init(kind: .tokenRows, rows: headTokens.count, columns: hidden))) }
        return tensors
    }
}
