import Models

/// What a person asked for: a name, data and settings. The data are not read yet.
public struct TaskPlan: Sendable, Equatable {
    public var name: String
    /// The file of examples.
    public var data: String
    /// Of a SQLite file: what gives the rows.
    public var query: String?
    /// Other names for its fields.
    public var fieldNames: [String: String]
    public var heldOut: String?
    public var heldOutSize: HeldOutSize
    public var skipsBrokenRows: Bool
    /// The folder to write; nil: the standard place.
    public var out: String?
    /// The folder of an adapter that is tuned further.
    public var start: String?
    public var element: AdapterFolderWriter.Element
    public var encoding: EncodingOptions
    /// As they were written: an objective that is not named follows from the data.
    public var texts: SettingTexts

    /// Errors: `invalidSetting` with the place of the setting.
    public init(_ name: String, _ texts: SettingTexts) throws(TuningError) {
        guard let data = texts.text(.data) else {
            throw TuningError(.invalidSetting, "\(name) has no data: name a file of examples (--data FILE, or `data:` in a task file)")
        }
        self.name = name
        self.texts = texts
        self.data = data
        query = texts.text(.query)
        out = texts.text(.out)
        start = texts.text(.start)
        heldOut = texts.text(.heldOut)
        element = try texts.choice(.element, of: AdapterFolderWriter.Element.self) ?? .f32
        skipsBrokenRows = try texts.flag(.skipBroken) ?? false
        fieldNames = try Self.fieldNames(texts)
        heldOutSize = try Self.heldOutSize(texts)
        encoding = EncodingOptions()
        if let targets = try texts.choice(.trainOn, of: EncodingOptions.Targets.self) { encoding.targets = targets }
        if let tokens = try texts.integer(.maxTokens, 2...TaskSettings.mostMicroBatchTokens / 2) { encoding.maximumTokens = tokens }
        encoding.systemMessage = texts.text(.system)
        // What can be checked without the data is checked before they are read.
        let kinds: [TrainingExample.Kind] = [.supervised, .preference, .labelled]
        let named = try texts.choice(.objective, of: ObjectiveName.self)
        _ = try settings(for: named.map(\.kind) ?? kinds[0], checksEffect: named != nil)
    }

    /// The settings, for data of that kind. Errors: `invalidSetting`.
    ///
    /// - Parameter start: the recipe of an adapter that is tuned further.
    public func settings(
        for kind: TrainingExample.Kind, continuing start: AdapterRecipe? = nil
    ) throws(TuningError) -> TaskSettings {
        try settings(for: kind, start: start, checksEffect: true)
    }

    private func settings(
        for kind: TrainingExample.Kind, start: AdapterRecipe? = nil, checksEffect: Bool
    ) throws(TuningError) -> TaskSettings {
        do throws(TuningError) {
            var recipe = try recipe()
            if let start {
                let dropout = try texts.number(.dropout) ?? start.dropout
                recipe = start
                recipe.dropout = dropout
            }
            let objective = try ObjectiveName.objective(texts, kind: kind, checksEffect: checksEffect)
            var settings = try TaskSettings(recipe: recipe, objective: objective)
            try change(&settings)
            try settings.validate()
            return settings
        } catch {
            throw texts.placed(error)
        }
    }

    private func recipe() throws(TuningError) -> AdapterRecipe {
        if start != nil {
            let own: [TaskSetting] = [.family, .rank, .alpha, .targets, .trainedTokens, .experts, .chosenExperts, .balance]
            try texts.refuse(own, with: "an adapter that is tuned further")
        }
        let family = try texts.choice(.family, of: AdapterRecipe.Family.self) ?? .lora
        switch family {
        case .ia3: try texts.refuse([.rank, .alpha, .loraPlusRatio, .dropout], with: "ia3")
        case .vera: try texts.refuse([.alpha], with: "vera")
        case .loramoe: try texts.refuse([.chosenExperts], with: "loramoe")
        case .lora, .rslora, .dora, .mola, .mixlora: break
        }
        if !family.isMixture { try texts.refuse([.experts, .chosenExperts, .balance], with: family.rawValue) }
        let seed = try texts.integer(.seed, 0...Int(Int32.max)) ?? 0
        return AdapterRecipe(
            family: family, rank: try texts.integer(.rank, 1...AdapterRecipe.mostRank), alpha: try texts.number(.alpha),
            targets: try targets(), trainedTokens: try trainedTokens(), experts: try texts.integer(.experts, 2...AdapterRecipe.mostExperts),
            chosenExperts: try texts.integer(.chosenExperts, 1...AdapterRecipe.mostExperts) ?? 2,
            balanceCoefficient: try texts.number(.balance), dropout: try texts.number(.dropout) ?? 0, seed: UInt64(seed))
    }

    private func change(_ settings: inout TaskSettings) throws(TuningError) {
        let rate = try texts.number(.rate) ?? settings.rates.rate
        settings.rates = try LearningRates(
            rate: rate, loraPlusRatio: try texts.number(.loraPlusRatio), weightDecay: try texts.number(.weightDecay) ?? 0)
        switch try texts.choice(.optimiser, of: OptimiserName.self) {
        case .adamw, nil: break
        case .adafactor: settings.method = .adafactor
        }
        if let shape = try texts.choice(.schedule, of: LearningRateSchedule.Shape.self) { settings.schedule = shape }
        if let warmup = try texts.number(.warmup) {
            try NumberRange(.included(0), .included(1e9)).check(warmup, "warmup")
            settings.warmup = warmup
        }
        if let clip = try texts.number(.clip) {
            if clip == 0 { settings.maximumNorm = nil } else { settings.maximumNorm = try GradientGuard(maximumNorm: clip).maximumNorm }
        }
        if let epochs = try texts.number(.epochs) { settings.epochs = epochs }
        settings.mostSteps = try texts.integer(.maxSteps, 1...1_000_000_000)
        if let batch = try texts.integer(.batch, 1...65_536) { settings.examples = batch }
        if let accumulation = try texts.integer(.accumulation, 1...65_536) { settings.examples *= accumulation }
        if let tokens = try texts.integer(.microBatchTokens, 16...TaskSettings.mostMicroBatchTokens) {
            settings.microBatchTokens = tokens
        } else {
            // A long example goes through the model whole.
            settings.microBatchTokens = max(settings.microBatchTokens, 2 * encoding.maximumTokens)
        }
        settings.evaluationInterval = try texts.integer(.evalSteps, 1...1_000_000_000)
        settings.patience = try texts.integer(.patience, 1...1000)
        settings.seed = UInt64(try texts.integer(.seed, 0...Int(Int32.max)) ?? 0)
    }

    private enum OptimiserName: String, CaseIterable { case adamw, adafactor }

    private func targets() throws(TuningError) -> Set<Projection>? {
        guard let text = texts.text(.targets) else { return nil }
        if ["all", "all-linear"].contains(text.lowercased()) { return Set(Projection.allCases) }
        let known = Projection.allCases.map { (name: $0.moduleName, projection: $0) }
        var targets: Set<Projection> = []
        for part in text.split(separator: ",") {
            let name = String(part.split(separator: " ").joined())
            guard let projection = known.first(where: { $0.name == name })?.projection else {
                throw texts.error(.targets, "expected `all` or some of \(known.map(\.name).joined(separator: ", ")), found `\(name)`")
            }
            targets.insert(projection)
        }
        return targets
    }

    private func trainedTokens() throws(TuningError) -> [Int32] {
        var tokens: Set<Int32> = []
        for part in texts.text(.trainedTokens)?.split(separator: ",") ?? [] {
            let number = part.split(separator: " ").joined()
            guard let token = Int32(number), token >= 0 else {
                throw texts.error(.trainedTokens, "expected numbers of tokens with commas (`lmoe tokenize` tells them), found `\(part)`")
            }
            tokens.insert(token)
        }
        guard tokens.count <= AdapterRecipe.mostTrainedTokens else {
            throw texts.error(.trainedTokens, "expected at most \(AdapterRecipe.mostTrainedTokens) tokens, found \(tokens.count)")
        }
        return tokens.sorted()
    }

    private static func heldOutSize(_ texts: SettingTexts) throws(TuningError) -> HeldOutSize {
        guard let value = try texts.number(.heldOutShare) else { return texts.text(.heldOut) == nil ? .fraction(0.05) : .fraction(0) }
        try texts.refuse(texts.text(.heldOut) == nil ? [] : [.heldOutShare], with: "a file of held-out rows")
        if value >= 1, value == value.rounded(), value < 1e9 { return .count(Int(value)) }
        guard 0...0.5 ~= value else {
            throw texts.error(.heldOutShare, "expected a share from 0 to 0.5, or a whole number of rows, found `\(value)`")
        }
        return .fraction(value)
    }

    /// From the name that a shape of rows wants to the name in the file, as `--fields` gives them. Errors: `invalidSetting`.
    public static func fieldNames(_ texts: SettingTexts) throws(TuningError) -> [String: String] {
        var names: [String: String] = [:]
        for pair in texts.text(.fields)?.split(separator: ",") ?? [] {
            let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, names[parts[0]] == nil else {
                throw texts.error(.fields, "expected pairs such as `prompt=question`, each field once, found `\(pair)`")
            }
            names[parts[0]] = parts[1]
        }
        return names
    }
}
