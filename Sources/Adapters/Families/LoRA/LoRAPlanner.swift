internal import Tensors

/// The modules that a LoRA changes, checked against the base.
struct LoRAPlanner {
    let configuration: LoRAConfiguration
    private let content: AdapterContent
    private let base: BaseModules
    private var planner: TargetPlanner<LoRAPart>

    var errors: [AdapterError] { planner.errors }

    init(configuration: LoRAConfiguration, content: AdapterContent, base: BaseModules) {
        self.configuration = configuration
        self.content = content
        self.base = base
        planner = TargetPlanner(content, base: base, selection: configuration.selection, kind: "a LoRA")
    }

    mutating func plan() -> LoRAPlan {
        let found = planner.targets(refusal: Self.refusal(configuration))
        let hasMagnitudes = found.contains { Self.magnitude($0) != nil }
        let targets = found.compactMap { target($0, hasMagnitudes: hasMagnitudes) }
        planner.refuseVocabularyTargets()
        planner.checkSomethingIsTargeted(targets.count)
        return LoRAPlan(
            configuration: configuration, manifest: content.manifest, layers: base.layers, targets: targets,
            weights: configuration.usesDoRA ? base.weights : nil)
    }

    /// Parts that the configuration turns off.
    private static func refusal(_ configuration: LoRAConfiguration) -> (LoRAPart) -> String? {
        { part in
            switch part {
            case .a, .b: nil
            case .bias: configuration.hasBias ? nil : "the configuration has lora_bias off"
            case .magnitude, .magnitudeWeight: configuration.usesDoRA ? nil : "the magnitude of DoRA; the configuration has use_dora off"
            }
        }
    }

    private static func magnitude(_ target: TargetPlanner<LoRAPart>.Target) -> TensorView? {
        target.tensors[.magnitude] ?? target.tensors[.magnitudeWeight]
    }

    /// `hasMagnitudes`: some target has one, so all have to; a file without any means the norms of the base's rows.
    private mutating func target(_ found: TargetPlanner<LoRAPart>.Target, hasMagnitudes: Bool) -> LoRATarget? {
        let before = planner.errors.count
        let (module, tensors) = found
        let rank = configuration.rank(of: module.path)
        planner.require(configuration.hasBias ? [.a, .b, .bias] : [.a, .b], of: found)
        planner.check(tensors[.a], [rank, module.inputs], rankDimension: 0)
        planner.check(tensors[.b], [module.outputs, rank], rankDimension: 1)
        planner.check(tensors[.bias], [module.outputs])
        let magnitude = Self.magnitude(found)
        if magnitude == nil && hasMagnitudes { planner.require([.magnitude], of: found) }
        planner.check(magnitude, [module.outputs])
        if tensors[.magnitude] != nil, let second = tensors[.magnitudeWeight] {
            planner.note(
                AdapterError(
                    .unreadTensor, "the module has another magnitude, \(LoRAPart.magnitude.rawValue)", file: AdapterFile.weights,
                    tensor: second.name))
        }
        let scale = configuration.scale(of: module.path)
        if !Float(scale).isFinite {
            planner.note(
                AdapterError(
                    .nonFinite, "the factor \(scale) of \(module.path) does not fit f32", file: AdapterFile.configuration, key: "lora_alpha"))
        }
        guard planner.errors.count == before, let a = tensors[.a], let b = tensors[.b] else { return nil }
        return LoRATarget(
            module: module, rank: rank, scale: scale, a: a, b: b, bias: tensors[.bias], magnitude: magnitude,
            isDecomposed: configuration.usesDoRA)
    }
}
