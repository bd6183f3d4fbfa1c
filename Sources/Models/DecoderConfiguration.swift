/// The shape of a Llama-family decoder.
///
/// One layer, for a row `x` of the residual stream:
///
///     n = rmsNorm(x);  q, k, v = Wq n, Wk n, Wv n (+ biases);  q, k = rmsNorm of each head (Qwen3)
///     x += Wo attention(rope(q), rope(k), v)
///     n = rmsNorm(x);  x += Wdown (silu(Wgate n) * Wup n)
///
/// and in the end `logits = Whead rmsNorm(x)`. Made by `ModelFiles.open`, which checks every size.
public struct DecoderConfiguration: Sendable, Equatable {
    public enum Architecture: String, Sendable, CaseIterable {
        /// Also SmolLM2 and, in GGUF files, Mistral.
        case llama
        case mistral
        /// With biases on query, key and value.
        case qwen2
        /// With norms on each head of query and key.
        case qwen3
    }

    /// For people: the checkpoint's own name, or that of its file or folder.
    public var name: String
    public var architecture: Architecture
    /// Tokens in the embedding table, and so logits of a row.
    public var vocabulary: Int
    /// Width of the residual stream.
    public var hidden: Int
    public var layers: Int
    /// Query heads.
    public var heads: Int
    /// Key and value heads; `heads` is a multiple.
    public var keyValueHeads: Int
    /// Elements of a head: even, not always `hidden / heads`, not always a power of two.
    public var headDimension: Int
    /// Width of the gated feed-forward.
    public var feedForward: Int
    /// Positions that the model was made for.
    public var contextLength: Int
    public var normEpsilon: Float
    public var rope: RotaryEmbedding
    /// A key is seen from this many positions, its own included; nil: from all later ones.
    public var slidingWindow: Int?
    /// The first layer that `slidingWindow` applies to (Qwen2's `max_window_layers`); layers before it see everything.
    public var firstSlidingLayer: Int
    /// The head multiplies by the embedding table.
    public var tiedHead: Bool
    /// Projections with a bias.
    public var biases: Set<Projection>
    /// Each head of query and key goes through an RMS norm before it is rotated.
    public var headNorms: Bool

    /// Sizes are taken as they are: `ModelFiles.open` is where those of strangers' files are checked.
    public init(
        name: String, architecture: Architecture, vocabulary: Int, hidden: Int, layers: Int, heads: Int,
        keyValueHeads: Int, headDimension: Int, feedForward: Int, contextLength: Int, normEpsilon: Float,
        rope: RotaryEmbedding, slidingWindow: Int? = nil, firstSlidingLayer: Int = 0, tiedHead: Bool = false,
        biases: Set<Projection> = [], headNorms: Bool = false
    ) {
        self.name = name
        self.architecture = architecture
        self.vocabulary = vocabulary
        self.hidden = hidden
        self.layers = layers
        self.heads = heads
        self.keyValueHeads = keyValueHeads
        self.headDimension = headDimension
        self.feedForward = feedForward
        self.contextLength = contextLength
        self.normEpsilon = normEpsilon
        self.rope = rope
        self.slidingWindow = slidingWindow
        self.firstSlidingLayer = firstSlidingLayer
        self.tiedHead = tiedHead
        self.biases = biases
        self.headNorms = headNorms
    }

    /// Width of the query, and of what attention gives to the output projection.
    public var queryWidth: Int { heads * headDimension }
    /// Width of the key, and of the value.
    public var keyValueWidth: Int { keyValueHeads * headDimension }
    /// `1 / sqrt(headDimension)`, the factor of attention scores.
    var attentionScale: Float { 1 / Float(headDimension).squareRoot() }

    /// The sliding window of one layer; nil: it sees everything.
    public func slidingWindow(layer: Int) -> Int? { layer >= firstSlidingLayer ? slidingWindow : nil }
}
