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
    }

    public var family: Family
    /// Not of IA³.
    public var rank: Int
    /// Of LoRA, rsLoRA and DoRA.
    public var alpha: Double
    public var targets: Set<Projection>
    /// IA³: targets whose inputs are scaled instead of their outputs.
    public var feedForwardTargets: Set<Projection>
    /// VeRA: the start of d.
    public var initialRankFactor: Float
    /// Of what is drawn: A, and VeRA's shared matrices.
    public var seed: UInt64

    /// Defaults: rank 16, alpha twice the rank, all seven linear maps; IA³'s are those of PEFT for Llama, VeRA has rank 256.
    public init(
        family: Family = .lora, rank: Int? = nil, alpha: Double? = nil, targets: Set<Projection>? = nil, feedForwardTargets: Set<Projection>? = nil,
        initialRankFactor: Float = 0.1, seed: UInt64 = 0
    ) {
        self.family = family
        self.rank = rank ?? (family == .vera ? 256 : 16)
        self.alpha = alpha ?? 2 * Double(self.rank)
        self.targets = targets ?? (family == .ia3 ? [.key, .value, .down] : Set(Projection.allCases))
        self.feedForwardTargets = feedForwardTargets ?? (family == .ia3 ? self.targets.intersection([.down]) : [])
        self.initialRankFactor = initialRankFactor
        self.seed = seed
    }

    public static let mostRank = 1024

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
    }

    /// The factor before `B A`.
    public var scale: Float {
        switch family {
        case .lora, .dora: Float(alpha / Double(rank))
        case .rslora: Float(alpha / Double(rank).squareRoot())
        case .ia3, .vera: 1
        }
    }

    /// What is trained at each linear map of a model. The forms hold shared matrices of VeRA, so make them once.
    public func forms(_ configuration: DecoderConfiguration) -> [LinearPlace: TrainableForm] {
        forms(configuration, family == .vera ? SharedMatrices(self, configuration) : nil)
    }

    /// - Parameter shared: VeRA's frozen matrices.
    func forms(_ configuration: DecoderConfiguration, _ shared: SharedMatrices?) -> [LinearPlace: TrainableForm] {
        var forms: [LinearPlace: TrainableForm] = [:]
        for layer in 0..<configuration.layers {
            for projection in targets {
                let (outputs, inputs) = projection.shape(in: configuration)
                forms[LinearPlace(layer, projection)] =
                    switch family {
                    case .lora, .rslora: .lowRank(rank: rank, scale: scale)
                    case .dora: .decomposed(rank: rank, scale: scale)
                    case .ia3: feedForwardTargets.contains(projection) ? .inputScale : .outputScale
                    case .vera: shared.map { .factors(a: $0.a(inputs), b: $0.b(outputs), rank: rank) }
                    }
            }
        }
        return forms
    }
}

extension ParameterTensor {
    /// Its name in `adapter_model.safetensors`.
    public var checkpointName: String {
        let suffix =
            switch kind {
            case .a: "lora_A.weight"
            case .b: "lora_B.weight"
            case .magnitude: "lora_magnitude_vector"
            case .outputScale, .inputScale: "ia3_l"
            case .rankFactors: "vera_lambda_d"
            case .outputFactors: "vera_lambda_b"
            }
        return "base_model.model.model.layers.\(place.layer).\(place.projection.checkpointName).\(suffix)"
    }

    /// Its shape there.
    public var checkpointShape: [Int] {
        switch kind {
        case .a, .b: [rows, columns]
        case .magnitude, .rankFactors, .outputFactors: [rows]
        case .outputScale: [rows, 1]
        case .inputScale: [1, rows]
        }
    }
}
