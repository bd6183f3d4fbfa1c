internal import JSON

/// What a LoRA's `adapter_config.json` says about inference.
struct LoRAConfiguration: Sendable {
    /// PEFT's defaults.
    private static let defaultRank = 8
    private static let defaultAlpha = 8.0
    /// When the configuration names no targets: PEFT's for every decoder that is served here.
    private static let defaultTargets = ["q_proj", "v_proj"]

    let rank: Int
    let alpha: Double
    let rankStabilised: Bool
    /// B has a bias.
    let hasBias: Bool
    /// DoRA: rows of the changed matrix get lengths of the adapter's own.
    let usesDoRA: Bool
    let selection: ModuleSelection
    /// `target_parameters`: the base's experts.
    let parameters: [String]
    /// Which of the base's biases were trained.
    let biases: BiasRule
    let vocabulary: VocabularyOptions
    let ranks: PatternTable<Int>
    let alphas: PatternTable<Double>
    /// aLoRA: see `AdapterDelta.invocation`.
    let invocation: [Int32]

    /// Notes every value that cannot be served; nil when one of those that follow depend on is unreadable.
    init?(_ manifest: AdapterManifest, base: BaseModules, limits: AdapterLimits, problems: inout AdapterProblems) {
        let reader = ConfigurationReader(document: JSONCursor(.object(manifest.document)))
        let rankRange = 1...limits.rank
        _ = problems.noting { () throws(AdapterError) in try reader.checkTask() }
        _ = problems.noting { () throws(AdapterError) in try Self.checkInitialisation(reader) }
        biases = problems.noting { () throws(AdapterError) in try BiasRule(reader, targets: "lora_only") } ?? .none
        vocabulary = VocabularyOptions(manifest, base: base, problems: &problems)
        let rank = problems.noting { () throws(AdapterError) in try reader.integer("r", in: rankRange) ?? Self.defaultRank }
        let alpha = problems.noting { () throws(AdapterError) in try reader.number("lora_alpha") ?? Self.defaultAlpha }
        let flags = problems.noting { () throws(AdapterError) in
            (try reader.flag("use_rslora"), try reader.flag("lora_bias"), try reader.flag("use_dora"))
        }
        if let flags, flags.1 && flags.2 {
            problems.note(
                AdapterError(
                    .unsupported, "DoRA does not go with lora_bias, in peft neither", file: AdapterFile.configuration, key: "lora_bias"))
        }
        invocation = problems.noting { () throws(AdapterError) in try reader.invocation(of: base.configuration) } ?? []
        let parameters = problems.noting { () throws(AdapterError) in try reader.strings("target_parameters") } ?? []
        self.parameters = parameters
        let selection = problems.noting { () throws(AdapterError) in try reader.selection(defaults: parameters.isEmpty ? Self.defaultTargets : [], mayBeEmpty: !parameters.isEmpty) }
        let ranks = problems.noting { () throws(AdapterError) in
            try reader.table("rank_pattern") { (value) throws(JSONError) in try value.int(in: rankRange) }
        }
        let alphas = problems.noting { () throws(AdapterError) in
            try reader.table("alpha_pattern") { (value) throws(JSONError) in try value.double() }
        }
        guard let rank, let alpha, let flags, let selection, let ranks, let alphas else { return nil }
        self.rank = rank
        self.alpha = alpha
        (rankStabilised, hasBias, usesDoRA) = flags
        self.selection = selection
        self.ranks = ranks
        self.alphas = alphas
        if !invocation.isEmpty, let key = partsOnEveryToken {
            problems.note(
                AdapterError(
                    .unsupported, "the adapter begins at its invocation tokens (aLoRA), and this part would act on every token; train without it",
                    file: AdapterFile.configuration, key: key))
        }
    }

    /// The key of a part that PEFT does not begin at the invocation tokens; nil: none.
    private var partsOnEveryToken: String? {
        if usesDoRA { return "use_dora" }
        if !vocabulary.saved.isEmpty || !vocabulary.savedNorms.isEmpty { return "modules_to_save" }
        if !vocabulary.tokens.isEmpty { return "trainable_token_indices" }
        if case .none = biases {} else { return "bias" }
        return selection.contains(BaseModules.embedding, isLinear: false) ? "target_modules" : nil
    }

    func rank(of path: String) -> Int { ranks.value(for: path) ?? rank }
    func alpha(of path: String) -> Double { alphas.value(for: path) ?? alpha }

    /// The factor before `B A`, with the rank and the alpha of that module.
    func scale(of path: String) -> Double {
        let rank = Double(rank(of: path))
        return alpha(of: path) / (rankStabilised ? rank.squareRoot() : rank)
    }

    private static func checkInitialisation(_ reader: ConfigurationReader) throws(AdapterError) {
        let value = reader.document["init_lora_weights"].value
        switch value {
        case nil, .null, .bool: return
        case .string(let name) where LoRAKeys.plainInitialisations.contains(name.lowercased()): return
        default:
            let name = value?.stringValue ?? ""
            throw AdapterError(
                .unsupported, "\(value?.serialized() ?? ""): \(LoRAKeys.initialisationRefused(name.lowercased()))",
                file: AdapterFile.configuration, key: "init_lora_weights")
        }
    }
}
