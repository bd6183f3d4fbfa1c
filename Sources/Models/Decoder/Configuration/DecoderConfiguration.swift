/// The shape of a Llama-family decoder.
///
/// A token's `x` is its row of the embedding table (times `embeddingScale`). One layer, for a row `x` of the residual stream:
///
///     n = rmsNorm(x);  q, k, v = Wq n, Wk n, Wv n (+ biases);  q, k = rmsNorm of each head (Qwen3, Gemma 3)
///     x += Wo attention(rope(q), rope(k), v)
///     n = rmsNorm(x);  x += Wdown (activation(Wgate n) * Wup n)
///
/// and in the end `logits = Whead rmsNorm(x)`. With `outputNorms` (Gemma 3) each term that is added to x goes through a norm of its
/// own first. Made by `ModelFiles.open`, which checks every size.
public struct DecoderConfiguration: Sendable, Equatable {
    public enum Architecture: String, Sendable, CaseIterable {
        /// Also SmolLM2 and, in GGUF files, Mistral.
        case llama
        case mistral
        /// With biases on query, key and value.
        case qwen2
        /// With norms on each head of query and key.
        case qwen3
        /// Text only: GeGLU, norms before and after, and five of six layers with a sliding window and another rotation.
        case gemma3

        /// `model_type` of Hugging Face configurations.
        public var modelType: String { self == .gemma3 ? "gemma3_text" : rawValue }
    }

    /// The activation of the feed-forward's gate.
    public enum Activation: Sendable {
        case silu
        /// The tanh approximation of GELU.
        case geluTanh
    }

    /// For messages: the checkpoint's own name, or that of its file or folder.
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
    /// Of layers with a sliding window, where it differs; nil: `rope`.
    public var slidingRope: RotaryEmbedding?
    /// The number of positions that see a key, its own included; nil: all later ones.
    public var slidingWindow: Int?
    /// Layers without the window: those below Qwen2's `max_window_layers`, every sixth of Gemma 3.
    public var fullLayers: Set<Int>
    /// The head multiplies by the embedding table.
    public var tiedHead: Bool
    /// Projections with a bias.
    public var biases: Set<Projection>
    /// Each head of query and key goes through an RMS norm before it is rotated.
    public var headNorms: Bool
    /// The outputs of attention and feed-forward go through an RMS norm before they are added to the residual stream.
    public var outputNorms: Bool
    public var activation: Activation
    /// The factor of rows of the embedding table; 1 in most families.
    public var embeddingScale: Float
    /// The factor of attention scores: `1 / sqrt(headDimension)` in most families.
    public var attentionScale: Float

    /// Does not check sizes; `ModelFiles.open` checks those that come from files.
    public init(
        name: String, architecture: Architecture, vocabulary: Int, hidden: Int, layers: Int, heads: Int,
        keyValueHeads: Int, headDimension: Int, feedForward: Int, contextLength: Int, normEpsilon: Float,
        rope: RotaryEmbedding, slidingRope: RotaryEmbedding? = nil, slidingWindow: Int? = nil, fullLayers: Set<Int> = [],
        tiedHead: Bool = false, biases: Set<Projection> = [], headNorms: Bool = false, outputNorms: Bool = false,
        activation: Activation = .silu, embeddingScale: Float = 1, attentionScale: Float? = nil
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
        self.slidingRope = slidingRope
        self.slidingWindow = slidingWindow
        self.fullLayers = fullLayers
        self.tiedHead = tiedHead
        self.biases = biases
        self.headNorms = headNorms
        self.outputNorms = outputNorms
        self.activation = activation
        self.embeddingScale = embeddingScale
        self.attentionScale = attentionScale ?? 1 / Float(headDimension).squareRoot()
    }

    /// Width of the query, and of the output projection's input.
    public var queryWidth: Int { heads * headDimension }
    /// Width of the key, and of the value.
    public var keyValueWidth: Int { keyValueHeads * headDimension }

    /// The sliding window of one layer; nil: it sees everything.
    public func slidingWindow(layer: Int) -> Int? { fullLayers.contains(layer) ? nil : slidingWindow }
}
