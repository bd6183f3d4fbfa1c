public import Models

/// What kind of adapter is tuned: its family, its size, and the linear maps that it changes. PEFT's conventions.
public struct AdapterRecipe: Sendable, Equatable {
    public enum Family: String, Sendable, CaseIterable {
        case lora
        /// LoRA with the factor alpha / sqrt(rank) (arXiv 2312.03732).
        case rslora
        /// arXiv 2402.09353
        case dora
        /// arXiv 2205.05638
        case ia3
        /// arXiv 2310.11454
        case vera
        /// Low-rank experts of the feed-forward, and LoRA of attention (arXiv 2404.15159).
        case mixlora
        /// Low-rank experts of every linear map (arXiv 2402.08562).
        case mola
        /// Low-rank experts of the feed-forward's linear maps, all of them chosen, and LoRA of attention (arXiv 2312.09979).
        case loramoe

        public var isMixture: Bool { self == .mixlora || self == .mola || self == .loramoe }
    }

    public var family: Family
    /// Not of IA³. Of mixtures, each expert's.
    public var rank: Int
    /// Not of IA³ and VeRA.
    public var alpha: Double
    public var targets: Set<Projection>
    /// IA³: targets whose inputs are scaled instead of their outputs.
    public var feedForwardTargets: Set<Projection>
    /// VeRA: the start of d.
    public var initialRankFactor: Float
    /// LoRA, rsLoRA and DoRA: tokens whose rows are trained, in the embedding and, where it is tied, in the head.
    public var trainedTokens: [Int32]
    /// Of a mixture's router.
    public var experts: Int
    /// MixLoRA and MoLA: how many a row chooses.
    public var chosenExperts: Int
    /// The factor of a mixture's balance loss; 0: none. LoRAMoE's is the localised one, with sequences that belong to no half of the experts.
    public var balanceCoefficient: Double
    /// The share of the inputs of A that training drops. Not of IA³ and MixLoRA.
    public var dropout: Double
    /// Of what is drawn: A, and VeRA's shared matrices.
    public var seed: UInt64

    /// Defaults: rank 16, alpha twice the rank, all seven linear maps; IA³'s are those of PEFT for Llama, VeRA has rank 256. Mixtures have
    /// those of MoE-PEFT: MoLA rank 10, LoRAMoE rank 24, 6 experts and the feed-forward's maps, the others 8 experts and 2 chosen; a balance
    /// loss for MixLoRA alone.
    public init(
        family: Family = .lora, rank: Int? = nil, alpha: Double? = nil, targets: Set<Projection>? = nil, feedForwardTargets: Set<Projection>? = nil,
        initialRankFactor: Float = 0.1, trainedTokens: [Int32] = [], experts: Int? = nil, chosenExperts: Int = 2, balanceCoefficient: Double? = nil,
        dropout: Double = 0, seed: UInt64 = 0
    ) {
        self.family = family
        let defaults: (rank: Int, targets: Set<Projection>) =
            switch family {
            case .lora, .rslora, .dora, .mixlora: (16, Set(Projection.allCases))
            case .ia3: (16, [.key, .value, .down])
            case .vera: (256, Set(Projection.allCases))
            case .mola: (10, Set(Projection.allCases))
            case .loramoe: (24, [.gate, .up, .down])
            }
        self.rank = rank ?? defaults.rank
        self.alpha = alpha ?? 2 * Double(self.rank)
        self.targets = targets ?? defaults.targets
        self.trainedTokens = trainedTokens
        self.experts = experts ?? (family == .loramoe ? 6 : 8)
        self.chosenExperts = chosenExperts
        self.balanceCoefficient = balanceCoefficient ?? (family == .mixlora ? 0.001 : 0)
        self.feedForwardTargets = feedForwardTargets ?? (family == .ia3 ? self.targets.intersection([.down]) : [])
        self.initialRankFactor = initialRankFactor
        self.dropout = dropout
        self.seed = seed
    }

    public static let mostRank = 1024
    public static let mostExperts = 64
    public static let mostTrainedTokens = 4096

    /// Throws `invalidSetting`.
    public func validate() throws(TuningError) {
        guard 1...Self.mostRank ~= rank else {
            throw TuningError(.invalidSetting, "\(rank) was given, expected 1 to \(Self.mostRank)", field: "rank")
        }
        guard alpha.isFinite, alpha > 0, alpha <= 1e6 else {
            throw TuningError(.invalidSetting, "\(alpha) was given, expected a number above 0 and up to 1000000", field: "alpha")
        }
        guard !targets.isEmpty else {
            throw TuningError(.invalidSetting, "no linear map is named, expected some of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj", field: "targets")
        }
        guard trainedTokens.isEmpty || [.lora, .rslora, .dora].contains(family) else {
            throw TuningError(
                .invalidSetting, "\(family.rawValue) has no trained tokens, expected lora, rslora or dora", field: "trainable_token_indices")
        }
        try NumberRange(.included(0), .included(Dropout.largest)).check(dropout, "lora_dropout")
        guard dropout == 0 || family != .ia3 else {
            throw TuningError(.invalidSetting, "\(family.rawValue) has no dropout, expected 0", field: "lora_dropout")
        }
        guard family.isMixture else { return }
        guard 2...Self.mostExperts ~= experts else {
            throw TuningError(.invalidSetting, "\(experts) was given, expected 2 to \(Self.mostExperts)", field: "experts")
        }
        guard family == .loramoe || 1...experts ~= chosenExperts else {
            throw TuningError(.invalidSetting, "\(chosenExperts) was given, expected 1 to the \(experts) experts", field: "top_k")
        }
        guard balanceCoefficient.isFinite, 0...10 ~= balanceCoefficient else {
            throw TuningError(.invalidSetting, "\(balanceCoefficient) was given, expected 0 to 10", field: "router_aux_loss_coef")
        }
    }

    /// The factor before `B A`.
    public var scale: Float {
        switch family {
        case .lora, .dora, .mixlora, .mola, .loramoe: Float(alpha / Double(rank))
        case .rslora: Float(alpha / Double(rank).squareRoot())
        case .ia3, .vera: 1
        }
    }

    /// What is trained in a model. The forms hold shared matrices of VeRA, so make them once.
    public func forms(_ configuration: DecoderConfiguration) -> TrainableForms {
        forms(configuration, family == .vera ? SharedMatrices(self, configuration) : nil)
    }

    /// - Parameter shared: VeRA's frozen matrices.
    func forms(_ configuration: DecoderConfiguration, _ shared: SharedMatrices?) -> TrainableForms {
        var forms = TrainableForms()
        for layer in 0..<configuration.layers {
            for projection in targets {
                let (outputs, inputs) = projection.shape(in: configuration)
                forms.linear[LinearPlace(layer, projection)] =
                    switch family {
                    case .lora, .rslora: .lowRank(rank: rank, scale: scale)
                    case .dora: .decomposed(rank: rank, scale: scale)
                    case .ia3: feedForwardTargets.contains(projection) ? .inputScale : .outputScale
                    case .vera: shared.map { .factors(a: $0.a(inputs), b: $0.b(outputs), rank: rank) }
                    case .mixlora: projection.isFeedForward ? nil : .lowRank(rank: rank, scale: scale)
                    case .mola: .experts(expertForm, .top(chosenExperts))
                    case .loramoe: projection.isFeedForward ? .experts(expertForm, .all) : .lowRank(rank: rank, scale: scale)
                    }
            }
            if family == .mixlora {
                func form(_ projection: Projection) -> ExpertForm? { targets.contains(projection) ? expertForm : nil }
                forms.feedForward[layer] = FeedForwardForm(
                    experts: experts, selection: .top(chosenExperts), gate: form(.gate), up: form(.up), down: form(.down))
            }
        }
        if !trainedTokens.isEmpty { forms.vocabulary = VocabularyForm(embeddingTokens: Set(trainedTokens).sorted()) }
        if family.isMixture, balanceCoefficient > 0 {
            forms.balance = family == .loramoe ? .localised(weight: balanceCoefficient, alpha: 0) : .uniform(coefficient: balanceCoefficient)
        }
        return forms
    }

    private var expertForm: ExpertForm { ExpertForm(experts: experts, rank: rank, scale: scale) }

    /// The name of a tensor in `adapter_model.safetensors`.
    public func checkpointName(of tensor: ParameterTensor) -> String {
        family.isMixture ? tensor.checkpointName(under: family.rawValue) : tensor.checkpointName
    }
}

extension Projection {
    var isFeedForward: Bool { self == .gate || self == .up || self == .down }
}

extension ParameterTensor {
    /// Its name in `adapter_model.safetensors` of PEFT's families.
    public var checkpointName: String { checkpointName(under: "base_model.model.model") }

    /// Its name under a prefix: mixtures' names begin with that of the family.
    public func checkpointName(under prefix: String) -> String {
        let suffix =
            switch kind {
            case .a where place == .embedding: "lora_embedding_A"
            case .b where place == .embedding: "lora_embedding_B"
            case .tokenRows: "token_adapter.trainable_tokens_delta"
            case .a: "lora_A.weight"
            case .b: "lora_B.weight"
            case .magnitude: "lora_magnitude_vector"
            case .outputScale, .inputScale: "ia3_l"
            case .rankFactors: "vera_lambda_d"
            case .outputFactors: "vera_lambda_b"
            case .router: "moe_gate.weight"
            }
        let module =
            switch place {
            case .linear(let place): "\(prefix).layers.\(place.layer).\(place.projection.checkpointName)"
            case .feedForward(let layer): "\(prefix).layers.\(layer).mlp"
            case .embedding: "\(prefix).embed_tokens"
            // Beside the layers' model, not in it.
            case .head: "base_model.model.lm_head"
            }
        return "\(module)\(expert.map { ".experts.\($0)" } ?? "").\(suffix)"
    }

    /// Its shape there.
    public var checkpointShape: [Int] {
        switch kind {
        case .a, .b, .router, .tokenRows: [rows, columns]
        case .magnitude, .rankFactors, .outputFactors: [rows]
        case .outputScale: [rows, 1]
        case .inputScale: [1, rows]
        }
    }
}
