/// The shape of a Llama-family decoder.
///
/// A token's `x` is its row of the embedding table (times `embeddingScale`). One layer, for a row `x` of the residual stream:
///
///     n = rmsNorm(x);  q, k, v = Wq n, Wk n, Wv n (+ biases);  q, k = rmsNorm of each head (Qwen3, Gemma 3)
///     x += residualScale * Wo attention(rope(q), rope(k), v)
///     n = rmsNorm(x);  x += residualScale * Wdown (activation(Wgate n) * Wup n)
///
/// and in the end `logits = Whead rmsNorm(x) * logitScale`. With `outputNorms` (Gemma 2 and 3, OLMo 2) each term that is added to x goes
/// through a norm of its own first; without `inputNorms` (OLMo 2) n is x. With `experts` the second line is a mixture of feed-forwards. What
/// the families change beyond that is data here. Made by `ModelFiles.open`, which checks every size.
public struct DecoderConfiguration: Sendable, Equatable {
    /// The activation of the feed-forward's gate.
    public enum Activation: Sendable, Equatable {
        case silu
        /// The tanh approximation of GELU.
        case geluTanh
        /// `g * sigmoid(slope * g) * (u + 1)`, with g at most `limit` and u between `-limit` and `limit` (GPT-OSS).
        case clamped(slope: Float, limit: Float)
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
    /// Width of the gated feed-forward, or of an expert's.
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
    /// That norm goes over all heads at once (OLMo 2).
    public var normsWholeHeads = false
    /// Attention and feed-forward read a norm of the residual stream; false: the stream itself (OLMo 2).
    public var inputNorms = true
    /// The outputs of attention and feed-forward go through an RMS norm before they are added to the residual stream.
    public var outputNorms: Bool
    public var activation: Activation
    /// The factor of rows of the embedding table; 1 in most families.
    public var embeddingScale: Float
    /// The factor of attention scores: `1 / sqrt(headDimension)` in most families.
    public var attentionScale: Float
    /// Elements of a head that are rotated, the first ones: `headDimension` in most families.
    public var rotaryDimension: Int
    /// Layers whose heads are not rotated (SmolLM3).
    public var unrotatedLayers: Set<Int> = []
    /// Queries grow with their position (Ministral 3).
    public var queryTemperature: QueryTemperature?
    /// Scores s become `cap * tanh(s / cap)` (Gemma 2); 0: they do not.
    public var attentionSoftCap: Float = 0
    /// The same of logits.
    public var logitSoftCap: Float = 0
    /// Each head has a learned score that joins its sum of exponentials (GPT-OSS).
    public var hasSinks = false
    /// The factor of what attention and feed-forward add to the residual stream (Granite).
    public var residualScale: Float = 1
    /// The factor of logits (Granite). It is part of the final norm's weights in memory.
    public var logitScale: Float = 1
    /// The feed-forward of each layer is a mixture of experts; nil: it is one.
    public var experts: ExpertLayout?
    /// One matrix in the files holds queries, keys and values, another gate and up (Phi-3).
    public var isFused = false

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
        rotaryDimension = headDimension
    }

    /// Width of the query, and of the output projection's input.
    public var queryWidth: Int { heads * headDimension }
    /// Width of the key, and of the value.
    public var keyValueWidth: Int { keyValueHeads * headDimension }

    /// Whether a layer has this linear map; the maps of experts are no such.
    public func has(_ projection: Projection) -> Bool { experts == nil || projection.rawValue < Projection.gate.rawValue }

    /// The sliding window of one layer; nil: it sees everything.
    public func slidingWindow(layer: Int) -> Int? { fullLayers.contains(layer) ? nil : slidingWindow }
}
