internal import Models
internal import Tensors

/// Compares a mixture's configuration, its file and the base, which have to agree.
struct MixturePlanner {
    private let configuration: MixtureConfiguration
    private let content: AdapterContent
    private let base: BaseModules
    private let shapes: TensorShapeCheck
    private(set) var errors: [AdapterError] = []
    private var tensors: [MixtureTensor: TensorView] = [:]
    /// For names that differ between files.
    private var style = MixtureTensor.Style.standard

    /// What the three families' `plan` do.
    static func plan(
        _ kind: MixtureKind, _ keys: ConfigurationKeys, _ content: AdapterContent, _ base: BaseModules, _ limits: AdapterLimits,
        _ problems: inout AdapterProblems
    ) -> (any AdapterPlan)? {
        keys.check(content.manifest, problems: &problems)
        guard let configuration = MixtureConfiguration(kind, content.manifest, base: base, limits: limits, problems: &problems) else { return nil }
        let needsWeights = configuration.plain.usesDoRA || configuration.experts.usesDoRA
        if needsWeights && base.weights(for: "DoRA", key: "use_dora", problems: &problems) == nil { return nil }
        var planner = MixturePlanner(configuration, content, base)
        let plan = planner.plan()
        for error in planner.errors { problems.note(error) }
        return plan
    }

    private init(_ configuration: MixtureConfiguration, _ content: AdapterContent, _ base: BaseModules) {
        self.configuration = configuration
        self.content = content
        self.base = base
        shapes = TensorShapeCheck(base: base.name, trainedOn: content.manifest.trainedOn)
    }

    private mutating func plan() -> MixturePlan {
        sortTensors()
        var parts: [MixturePart] = []
        for layer in 0..<base.layers {
            for module in base.linears where module.layer == layer && configuration.targets.contains(module.projection) {
                if configuration.kind == .mixLoRA && module.projection.isFeedForward { continue }
                if let part = linear(module) { parts.append(part) }
            }
            if configuration.kind == .mixLoRA, let part = feedForward(layer) { parts.append(part) }
        }
        refuseRest()
        return MixturePlan(configuration: configuration, manifest: content.manifest, base: base, parts: parts)
    }

    private mutating func note(_ code: AdapterError.Code, _ message: String, _ tensor: String) {
        errors.append(AdapterError(code, message, file: AdapterFile.weights, tensor: tensor))
    }

    // MARK: Names

    private mutating func sortTensors() {
        for (name, view) in content.weights.tensors.sorted(by: { $0.key < $1.key }) {
            guard let (tensor, style) = MixtureTensor.parse(name, configuration.kind) else {
                note(unknown: name)
                continue
            }
            if case .standard = style {} else { self.style = style }
            if let other = tensors.updateValue(view, forKey: tensor) {
                note(.unreadTensor, "\(quoted(other.name)) is the same matrix in another spelling", name)
            }
        }
    }

    private mutating func note(unknown name: String) {
        if name == "classifier" || name.hasPrefix("classifier.") || name.hasPrefix("score.") {
            note(.unsupported, "a classification head; adapters here generate text", name)
        } else if let meaning = ForeignTensor.meaning(of: name), !name.hasPrefix(configuration.kind.prefix) {
            note(.unsupported, "\(meaning), where expected is a name that begins with \(configuration.kind.prefix)", name)
        } else {
            note(.unreadTensor, "nothing would read it in an adapter of kind \(configuration.kind.rawValue)", name)
        }
    }

    /// What the configuration does not ask for.
    private mutating func refuseRest() {
        for (tensor, view) in tensors.sorted(by: { $0.value.name < $1.value.name }) {
            if tensor.layer >= base.layers {
                note(
                    .otherBase, "layer \(tensor.layer); \(base.name) has the layers 0 to \(base.layers - 1)\(content.manifest.trainedOn)",
                    view.name)
            } else if case .expert(let expert, _) = tensor.role, expert >= configuration.count(tensor.layer) {
                note(.unreadTensor, "expert \(expert), where the configuration has \(configuration.count(tensor.layer))", view.name)
            } else {
                note(.unreadTensor, "the configuration does not target this module", view.name)
            }
        }
    }

    // MARK: Tensors

    /// Nil when it is missing or of a wrong shape, which is noted.
    private mutating func take(_ tensor: MixtureTensor, _ expected: [Int], rankDimension: Int? = nil) -> TensorView? {
        guard let view = tensors.removeValue(forKey: tensor) else {
            note(.missingTensor, "the configuration asks for it, but the file does not have it", tensor.name(configuration.kind, style))
            return nil
        }
        if tensor.role == .router, view.shape.count == 2, view.shape[1] == expected[1], view.shape[0] != expected[0] {
            note(.wrongShape, "a router for \(view.shape[0]) experts, where the configuration has \(expected[0])", view.name)
            return nil
        }
        if let error = shapes.problem(view, expected, rankDimension: rankDimension) {
            errors.append(error)
            return nil
        }
        return view
    }

    private mutating func pair(
        _ module: BaseModules.Linear, _ pairs: MixtureConfiguration.Pairs, _ role: (MixtureTensor.Part) -> MixtureTensor.Role
    ) -> LoRATarget? {
        let (rank, scale) = (pairs.rank(module.layer), pairs.scale(module.layer))
        func tensor(_ part: MixtureTensor.Part) -> MixtureTensor {
            MixtureTensor(layer: module.layer, projection: module.projection, role: role(part))
        }
        let a = take(tensor(.a), [rank, module.inputs], rankDimension: 0)
        let b = take(tensor(.b), [module.outputs, rank], rankDimension: 1)
        if !Float(scale).isFinite {
            errors.append(
                AdapterError(.nonFinite, "the factor \(scale) does not fit f32", file: AdapterFile.configuration, key: "lora_alpha"))
        }
        guard let a, let b else { return nil }
        return LoRATarget(
            module: module, rank: rank, scale: scale, a: a, b: b, bias: nil, magnitude: nil, isDecomposed: pairs.usesDoRA)
    }

    /// A projection with a plain LoRA, or with a router and experts.
    private mutating func linear(_ module: BaseModules.Linear) -> MixturePart? {
        guard configuration.kind.hasExperts(module.projection) else {
            return pair(module, configuration.plain) { .plain($0) }.map { MixturePart(layer: module.layer, module: module, pairs: [[$0]]) }
        }
        let count = configuration.count(module.layer)
        let router = take(
            MixtureTensor(layer: module.layer, projection: module.projection, role: .router), [count, module.inputs])
        let pairs = (0..<count).map { expert in pair(module, configuration.experts) { .expert(expert, $0) } }
        guard let router else { return nil }
        return MixturePart(
            layer: module.layer, module: module, router: router, selection: configuration.selection(module.layer),
            pairs: pairs.map { [$0] })
    }

    /// The router and the experts of one layer.
    private mutating func feedForward(_ layer: Int) -> MixturePart? {
        let count = configuration.count(layer)
        let router = take(MixtureTensor(layer: layer, projection: nil, role: .router), [count, base.configuration.hidden])
        let modules = base.linears.filter { $0.layer == layer && $0.projection.isFeedForward }
        let pairs = (0..<count).map { expert in
            modules.map { module in
                configuration.targets.contains(module.projection) ? pair(module, configuration.experts) { .expert(expert, $0) } : nil
            }
        }
        guard let router else { return nil }
        return MixturePart(layer: layer, router: router, selection: configuration.selection(layer), pairs: pairs)
    }
}
