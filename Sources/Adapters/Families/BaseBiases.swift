internal import Models
internal import Tensors

/// Which biases of the base an adapter has trained: peft's `bias`.
enum BiasRule: Sendable {
    case none
    case all
    /// Those of targeted modules: `lora_only`, and what other families call theirs.
    case targets

    /// The configuration's `bias`; `targets` is what the family calls those of its targets. Errors: `malformed`.
    init(_ reader: ConfigurationReader, targets: String) throws(AdapterError) {
        switch try reader.text("bias") ?? "none" {
        case "none": self = .none
        case "all": self = .all
        case targets: self = .targets
        case let other:
            throw AdapterError(
                .malformed, "\(quoted(other)); expected none, all or \(targets)", file: AdapterFile.configuration, key: "bias")
        }
    }
}

/// The adapter's own bias in place of a bias of the base. It is independent of the module's low-rank part.
struct BiasTarget: AdapterTarget {
    let module: BaseModules.Linear
    /// `[outputs]`, instead of the base's.
    let bias: TensorView

    var tensors: [TensorView] { [bias] }

    /// What is added to the base's bias; nil: nothing. The reader keeps the elements. Errors: `nonFinite`.
    func difference(_ reader: ElementReader, _ weights: BaseWeights) throws(AdapterError) -> FloatBuffer? {
        let bias = try reader.read(bias)
        try ElementLimit.check(bias)
        let difference = difference(bias.floats(), weights)
        return difference.contains { $0 != 0 } ? FloatBuffer(difference) : nil
    }

    /// The size of it; the elements are there.
    func norm(_ weights: BaseWeights) -> Double {
        difference(bias.floats(), weights).reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    }

    private func difference(_ own: [Float], _ weights: BaseWeights) -> [Float] {
        guard let base = weights.bias(of: module.layer, module.projection) else { return own }
        return zip(own, base).map { $0 - $1 }
    }
}

/// Finds the biases of the base in an adapter's file: `<module>.base_layer.bias` of targeted modules, `<module>.bias` of the others.
struct BiasPlanner {
    /// Of all tensors that are read here or refused.
    private(set) var names: Set<String> = []
    private(set) var targets: [BiasTarget] = []
    private(set) var errors: [AdapterError] = []

    init(_ content: AdapterContent, base: BaseModules, selection: ModuleSelection, rule: BiasRule) {
        // Most files have none, and a start may read a thousand files.
        if rule == .none, !content.weights.tensors.keys.contains(where: Self.mayBeBias) { return }
        let shapes = TensorShapeCheck(base: base.name, trainedOn: content.manifest.trainedOn)
        for module in base.linears {
            let isTarget = selection.contains(module.path, suffixes: module.suffixes)
            let prefix = "base_model.model.\(module.path)."
            let (own, other) = isTarget ? ("base_layer.bias", "bias") : ("bias", "base_layer.bias")
            let isRead = rule == .all || (rule == .targets && isTarget)
            let hasBias = base.configuration.biases.contains(module.projection)
            for name in [prefix + own, prefix + other] {
                guard let view = content.weights.tensors[name] else { continue }
                names.insert(name)
                if !isRead || name == prefix + other {
                    errors.append(
                        AdapterError(
                            .unreadTensor, "a bias of the base, which the configuration's `bias` does not ask for", file: AdapterFile.weights,
                            tensor: name))
                } else if !hasBias {
                    errors.append(
                        AdapterError(
                            .otherBase, "\(base.name) has no bias there\(content.manifest.trainedOn)", file: AdapterFile.weights, tensor: name))
                } else if let problem = shapes.problem(view, [module.outputs]) {
                    errors.append(problem)
                } else {
                    targets.append(BiasTarget(module: module, bias: view))
                }
            }
            if isRead && hasBias && !names.contains(prefix + own) {
                errors.append(
                    AdapterError(
                        .missingTensor, "the configuration's `bias` asks for it, and the file does not have it", file: AdapterFile.weights,
                        tensor: prefix + own))
            }
        }
        if base.weights == nil && !targets.isEmpty {
            errors.append(
                AdapterError(
                    .unsupported, "biases are compared with the base's, of which only the shapes are known here", file: AdapterFile.configuration,
                    key: "bias"))
        }
    }

    private static func mayBeBias(_ name: String) -> Bool {
        name.utf8.ends(with: ".bias".utf8) && !name.utf8.ends(with: ".lora_B.bias".utf8)
    }
}

extension [PlacedPatch] {
    /// Adds patches of biases; a module that is changed already gets the sum.
    func adding(_ biases: [PlacedPatch]) -> [PlacedPatch] {
        var joined = self
        var places: [[Int]: Int] = [:]
        for (index, patch) in enumerated() { places[[patch.layer, patch.projection.rawValue]] = index }
        for bias in biases {
            guard let place = places[[bias.layer, bias.projection.rawValue]] else {
                joined.append(bias)
                continue
            }
            if let own = joined[place].patch.bias, let added = bias.patch.bias {
                let sum = FloatBuffer(count: own.count)
                sum.pointer.update(from: own.pointer, count: own.count)
                Kernels.add(added.pointer, to: sum.pointer, count: own.count)
                joined[place].patch.bias = sum
            } else {
                joined[place].patch.bias = bias.patch.bias
            }
        }
        return joined
    }
}

extension [AdapterEffect] {
    /// With those of biases, whose modules may be here already.
    func adding(_ biases: [BiasTarget], _ weights: BaseWeights?) -> [AdapterEffect] {
        var effects = self
        let places = Dictionary(enumerated().map { ($1.module, $0) }) { first, _ in first }
        for bias in biases {
            let norm = weights.map(bias.norm) ?? 0
            if let place = places[bias.module.path] {
                effects[place].norm += norm
            } else {
                effects.append(
                    AdapterEffect(
                        module: bias.module.path, layer: bias.module.layer, projection: bias.module.projection, rank: 0, scale: 1, norm: norm))
            }
        }
        return effects
    }
}
