/// One tensor of an adapter that is trained: f32, row-major.
public struct TrainedTensor: Sendable, Equatable {
    public enum Shape: Sendable, Equatable {
        case vector(Int)
        case matrix(rows: Int, columns: Int)

        public var count: Int {
            switch self {
            case .vector(let count): count
            case .matrix(let rows, let columns): rows * columns
            }
        }
    }

    /// The name in the adapter's file.
    public var name: String
    public var shape: Shape
    /// Its learning rate and weight decay.
    public var group: ParameterGroup

    public init(name: String, shape: Shape, group: ParameterGroup) {
        self.name = name
        self.shape = shape
        self.group = group
    }
}

/// How fast a tensor is trained.
public struct ParameterGroup: Sendable, Equatable {
    /// At a schedule's factor of 1.
    public var learningRate: Double
    /// The share of a weight that a step of learning rate 1 takes away (decoupled from the gradient).
    public var weightDecay: Double

    public init(learningRate: Double, weightDecay: Double = 0) {
        self.learningRate = learningRate
        self.weightDecay = weightDecay
    }
}

/// The learning rates of an adapter's tensors.
///
/// Without `loraPlusRatio` all tensors have one rate. With it (LoRA+, Hayou et al. 2024, as PEFT's `create_loraplus_optimizer`): B and
/// vectors have the rate times the ratio, matrices beside an embedding have `embeddingRate`, everything else has the rate. Biases and
/// norms do not decay.
public struct LearningRates: Sendable, Equatable {
    /// What a tensor is in its adapter.
    public enum Role: String, Sendable, CaseIterable {
        /// `lora_A` and every other matrix: routers, trained tokens.
        case matrix
        /// `lora_B`.
        case lowRankB
        /// `lora_embedding_A` and `lora_embedding_B`.
        case embedding
        /// One dimension: DoRA's magnitude, VeRA's d and lambda.
        case vector
        /// A bias or the weight of a norm.
        case biasOrNorm
    }

    public let rate: Double
    public let loraPlusRatio: Double?
    public let embeddingRate: Double
    public let weightDecay: Double

    static let rateRange = NumberRange(.excluded(0), .included(1))
    static let ratioRange = NumberRange(.included(1), .included(1000))
    static let decayRange = NumberRange(.included(0), .included(1))

    /// Throws `invalidSetting` outside these ranges: rates more than 0 and at most 1, the ratio 1 to 1000, weight decay 0 to 1.
    public init(
        rate: Double, loraPlusRatio: Double? = nil, embeddingRate: Double = 1e-6, weightDecay: Double = 0
    ) throws(TuningError) {
        try Self.rateRange.check(rate, "learning_rate")
        if let loraPlusRatio { try Self.ratioRange.check(loraPlusRatio, "loraplus_lr_ratio") }
        try Self.rateRange.check(embeddingRate, "loraplus_lr_embedding")
        try Self.decayRange.check(weightDecay, "weight_decay")
        self.rate = rate
        self.loraPlusRatio = loraPlusRatio
        self.embeddingRate = embeddingRate
        self.weightDecay = weightDecay
    }

    public func group(_ role: Role) -> ParameterGroup {
        var rate = rate
        if let loraPlusRatio {
            switch role {
            case .lowRankB, .vector, .biasOrNorm: rate *= loraPlusRatio
            case .embedding: rate = embeddingRate
            case .matrix: break
            }
        }
        return ParameterGroup(learningRate: rate, weightDecay: role == .biasOrNorm ? 0 : weightDecay)
    }
}
