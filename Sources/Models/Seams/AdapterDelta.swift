public import Tensors

/// Everything an adapter does to the decoder. Immutable; all requests that use the adapter share it.
///
/// The base model runs without a delta, or with an empty one. What a delta does at each seam is a `SeamPart`;
/// `parts` is the list of them.
public final class AdapterDelta: Sendable {
    public let layers: Int
    /// It acts from the start of the last occurrence of these tokens on, and the base before (activated LoRA); empty: on every token.
    public let invocation: [Int32]
    /// Bytes of all matrices and vectors.
    public let byteCount: Int
    let linear: LinearPart
    /// Nil: no mixtures.
    let mixtures: MixturePart?
    /// Nil: no branches.
    let branches: BranchPart?
    /// Nil: embedding and vocabulary projection are the base's.
    let vocabulary: VocabularyPart?
    /// Nil: all norms are the base's.
    let norms: NormPart?
    /// Nil: the base's experts are as they are.
    let experts: ExpertsPart?
    let parts: [any SeamPart]

    /// A layer and projection is named at most once; layers are below `layers`. `validate(for:)` checks shapes against a model; a
    /// step requires that it passes. Matrices that several patches share count once, as does a table that is also the head's matrix.
    ///
    /// - Parameters:
    ///   - branches: by layer, or empty: maps beside the feed-forward, `y = FFN(x) + scale * B (A x + offsets)`, where x is the
    ///     feed-forward's input, `[hidden]` to `[hidden]`; f32 or bf16. Memory experts are branches.
    ///   - feedForward: by layer, or empty: mixtures in place of the feed-forward. In such a layer gate, up and down have no patch.
    ///   - norms: factors of rows, in place of the base's.
    ///   - experts: by layer, or empty: updates of the base's experts.
    public init(
        layers: Int, patches: [(layer: Int, projection: Projection, patch: LinearPatch)] = [], branches: [BranchPatch?] = [],
        embedding: EmbeddingPatch? = nil, head: HeadPatch? = nil, feedForward: [FeedForwardMixture?] = [], norms: [NormPlace: FloatBuffer] = [:],
        experts: [ExpertsPatch?] = [], invocation: [Int32] = []
    ) {
        var table = LinearTable<LinearPatch?>(layers: layers, repeating: nil)
        for (layer, projection, patch) in patches where !patch.isEmpty {
            precondition(layer >= 0 && layer < layers, "a patch names layer \(layer) of \(layers)")
            precondition(table[LinearPlace(layer, projection)] == nil, "layer \(layer) has two patches for \(projection.checkpointName)")
            table[LinearPlace(layer, projection)] = patch
        }
        (self.layers, self.invocation) = (layers, invocation)
        linear = LinearPart(table)
        mixtures = MixturePart(layers: layers, linear: table, feedForward: feedForward)
        self.branches = BranchPart(layers: layers, branches)
        vocabulary = VocabularyPart(embedding: embedding, head: head)
        self.norms = NormPart(layers: layers, norms)
        self.experts = ExpertsPart(layers: layers, experts)
        let parts: [(any SeamPart)?] = [linear, mixtures, self.branches, vocabulary, self.norms, self.experts]
        self.parts = parts.compactMap { $0 }
        byteCount = self.parts.reduce(0) { $0 + $1.byteCount }
    }

    /// The parts of another delta, but for its branches.
    init(_ other: AdapterDelta, branches: BranchPart?) {
        (layers, invocation, linear, mixtures) = (other.layers, other.invocation, other.linear, other.mixtures)
        (vocabulary, norms, experts) = (other.vocabulary, other.norms, other.experts)
        self.branches = branches
        let parts: [(any SeamPart)?] = [linear, mixtures, branches, vocabulary, norms, experts]
        self.parts = parts.compactMap { $0 }
        byteCount = self.parts.reduce(0) { $0 + $1.byteCount }
    }

    /// Whether `validate(for:)` would pass and the path reads its matrices. Cheap: each step asks for each run.
    func fits(_ configuration: DecoderConfiguration, _ precision: ModelPrecision) -> Bool {
        layers == configuration.layers
            && parts.allSatisfy { $0.fits(configuration) && !(precision == .reference && $0.hasInt8) }
    }

    /// Throws `wrongShape`, which names layer and projection, unless every part fits the model.
    public func validate(for configuration: DecoderConfiguration) throws(ModelError) {
        guard layers == configuration.layers else {
            throw ModelError(.wrongShape, "made for \(layers) layers, the model has \(configuration.layers)")
        }
        for part in parts { try part.validate(for: configuration) }
    }

    // MARK: Parts, as families and measurements see them

    public subscript(layer: Int, projection: Projection) -> LinearPatch? { linear.patches[LinearPlace(layer, projection)] }

    /// What a layer adds beside its feed-forward.
    public func branch(_ layer: Int) -> BranchPatch? { branches?.branches[layer] }

    /// What replaces a layer's feed-forward.
    public func feedForward(_ layer: Int) -> FeedForwardMixture? { mixtures?.feedForward[layer] }

    /// What routers choose among, in the order of the model; empty without mixtures.
    public var routers: [ExpertRouter] { mixtures?.routers ?? [] }
    /// What they chose since the adapter was loaded; nil without mixtures.
    public var expertCounts: ExpertCounts? { mixtures?.counts }

    /// What it does to the embedding and to the vocabulary projection; nil: they are the base's.
    public var embedding: EmbeddingPatch? { vocabulary?.embedding }
    public var head: HeadPatch? { vocabulary?.head }

    /// Tokens that it has beside those of a base with `vocabulary` tokens; its own tokens follow the base's.
    public func addedTokens(beside vocabulary: Int) -> Int { max((self.vocabulary?.tokens ?? vocabulary) - vocabulary, 0) }

    /// Norms of its own.
    public var ownNorms: [NormPlace: FloatBuffer] { norms?.norms ?? [:] }

    /// Updates of the base's experts, by layer; empty: there are none.
    public var ownExperts: [ExpertsPatch?] { experts?.patches ?? [] }
}
