extension DecoderConfiguration {
    /// The families of decoders. Most differences are data in the configuration.
    public enum Architecture: String, Sendable, CaseIterable {
        /// Also SmolLM2 and, in GGUF files, Mistral and Mixtral.
        case llama
        case mistral
        /// With biases on query, key and value.
        case qwen2
        /// With norms on each head of query and key.
        case qwen3
        /// GeGLU, norms that multiply by 1 + w, scaled embeddings.
        case gemma
        /// Also norms after, soft caps, and a sliding window in every second layer.
        case gemma2
        /// Text only: norms before and after, and five of six layers with a sliding window and another rotation.
        case gemma3
        /// Every fourth layer does not rotate.
        case smollm3
        /// Factors for embeddings, scores, branches and logits.
        case granite
        /// One matrix for query, key and value and one for gate and up; LongRoPE; also Phi-4-mini.
        case phi3
        /// Norms after attention and feed-forward alone, and of all heads at once.
        case olmo2
        /// Ministral 3: YaRN, and queries that grow with their position.
        case mistral3
        /// A mixture of experts.
        case mixtral
        case qwen3moe
        /// A mixture with biases, a learned score in each head's sum of exponentials, a clamped activation.
        case gptOSS

        /// `model_type` of Hugging Face configurations.
        public var modelType: String {
            switch self {
            case .gemma3: "gemma3_text"
            case .mistral3: "ministral3"
            case .qwen3moe: "qwen3_moe"
            case .gptOSS: "gpt_oss"
            default: rawValue
            }
        }

        /// `general.architecture` of GGUF files.
        public var gguf: String {
            switch self {
            case .mixtral: Self.llama.rawValue
            case .gptOSS: "gpt-oss"
            default: rawValue
            }
        }

        /// `model_type` of configurations that hold this one as `text_config`, beside a vision model's, which is not read.
        var multimodalType: String? {
            switch self {
            case .gemma3: "gemma3"
            case .mistral3: "mistral3"
            default: nil
            }
        }

        /// Norms multiply by 1 + w in checkpoints; GGUF files have the 1 in w.
        var addsOneToNorms: Bool { [.gemma, .gemma2, .gemma3].contains(self) }

        /// Rows of query and key lie in GGUF files so that the halves of each head, which are rotated together, are side by side.
        package var interleavesHeads: Bool { [.llama, .mistral, .mixtral, .smollm3, .granite, .mistral3].contains(self) }
    }
}

/// The feed-forward of a layer as a mixture: a router chooses some of its experts for each row, and their results are added, weighted.
public struct ExpertLayout: Sendable, Equatable {
    /// Experts of a layer.
    public var count: Int
    /// Experts that a row chooses.
    public var chosen: Int
    /// The weights of the chosen, softmax values over all experts, are divided by their sum.
    public var normalizes: Bool
    /// The router and each expert's gate, up and down have a bias.
    public var hasBiases = false

    public init(count: Int, chosen: Int, normalizes: Bool, hasBiases: Bool = false) {
        self.count = count
        self.chosen = chosen
        self.normalizes = normalizes
        self.hasBiases = hasBiases
    }
}

/// The factor of a query at a position: `1 + beta * ln(1 + floor(position / originalContext))`.
public struct QueryTemperature: Sendable, Equatable {
    public var beta: Float
    public var originalContext: Int

    public init(beta: Float, originalContext: Int) {
        self.beta = beta
        self.originalContext = originalContext
    }
}
