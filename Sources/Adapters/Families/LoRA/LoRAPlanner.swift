internal import Models
internal import Tensors

/// Compares what the configuration asks for, what the file holds and what the base has: all three have to agree.
struct LoRAPlanner {
    typealias Part = LoRATensorName.Part

    let configuration: LoRAConfiguration
    private let content: AdapterContent
    private let base: BaseModules
    private let baseName: String
    private let file = AdapterFile.weights
    private(set) var errors: [AdapterError] = []

    init(configuration: LoRAConfiguration, content: AdapterContent, base: DecoderConfiguration) {
        self.configuration = configuration
        self.content = content
        self.base = BaseModules(base)
        baseName = base.name
    }

    mutating func plan() -> LoRAPlan {
        let tensors = sortTensors()
        var targets: [LoRATarget] = []
        for module in base.linears {
            let found = tensors[module.path] ?? [:]
            switch (configuration.selection.contains(module.path), found.isEmpty) {
            case (true, false): if let target = target(module, found) { targets.append(target) }
            case (true, true): noteMissing(module.path)
            case (false, false): for view in found.values { noteUntargeted(view.name) }
            case (false, true): break
            }
        }
        checkOtherTargets(targets)
        return LoRAPlan(configuration: configuration, layers: base.layers, targets: targets)
    }

    // MARK: Names

    /// The tensors by module; those that belong to none are noted.
    private mutating func sortTensors() -> [String: [Part: TensorView]] {
        var sorted: [String: [Part: TensorView]] = [:]
        for (name, view) in content.weights.tensors.sorted(by: { $0.key < $1.key }) {
            do throws(AdapterError) {
                let parsed = try LoRATensorName(name, file: file)
                try checkModule(parsed.module, tensor: name)
                if parsed.part == .bias && !configuration.hasBias {
                    throw AdapterError(.unreadTensor, "the configuration has lora_bias off", file: file, tensor: name)
                }
                sorted[parsed.module, default: [:]][parsed.part] = view
            } catch {
                errors.append(error)
            }
        }
        return sorted
    }

    private func checkModule(_ module: String, tensor: String) throws(AdapterError) {
        if base[module] != nil { return }
        if module == BaseModules.embedding || module == BaseModules.head {
            throw AdapterError(.unsupported, "adapters of \(module) are not served", file: file, tensor: tensor)
        }
        if let layer = BaseModules.layer(of: module), layer >= base.layers {
            throw AdapterError(
                .otherBase, "layer \(layer); \(baseName) has the layers 0 to \(base.layers - 1)\(trainedOn)", file: file, tensor: tensor)
        }
        throw AdapterError(.unreadTensor, "\(baseName) has no module \(quoted(module))\(trainedOn)", file: file, tensor: tensor)
    }

    private var trainedOn: String {
        configuration.baseModelName.map { "; the adapter was trained on \(quoted($0))" } ?? ""
    }

    private mutating func noteMissing(_ path: String) {
        errors.append(
            AdapterError(
                .missingTensor, "the configuration targets \(path), but the file has no tensors for it\(trainedOn)", file: file,
                tensor: LoRATensorName.name(module: path, part: .a)))
    }

    private mutating func noteUntargeted(_ tensor: String) {
        errors.append(
            AdapterError(.unreadTensor, "the configuration does not target this module, so peft would not read it", file: file, tensor: tensor))
    }

    /// Targets outside the linear modules, and a configuration that means no module at all.
    private mutating func checkOtherTargets(_ targets: [LoRATarget]) {
        for path in [BaseModules.embedding, BaseModules.head] where configuration.selection.contains(path, isLinear: false) {
            errors.append(
                AdapterError(
                    .unsupported, "\(path) is targeted; adapters of it are not served", file: AdapterFile.configuration,
                    key: "target_modules"))
        }
        if targets.isEmpty && errors.isEmpty {
            errors.append(
                AdapterError(
                    .noEffect, "no module of \(baseName) is targeted", file: AdapterFile.configuration, key: "target_modules"))
        }
    }

    // MARK: Shapes

    private mutating func target(_ module: BaseModules.Linear, _ found: [Part: TensorView]) -> LoRATarget? {
        let before = errors.count
        let rank = configuration.rank(of: module.path)
        let required: [Part] = configuration.hasBias ? [.a, .b, .bias] : [.a, .b]
        for part in required where found[part] == nil {
            let others = found.values.map(\.name).sorted()
            errors.append(
                AdapterError(
                    .missingTensor, "not in the file, which has \(listed(others))", file: file,
                    tensor: LoRATensorName.name(module: module.path, part: part)))
        }
        if let a = found[.a] { check(a, [rank, module.inputs], rankDimension: 0) }
        if let b = found[.b] { check(b, [module.outputs, rank], rankDimension: 1) }
        if let bias = found[.bias] { check(bias, [module.outputs], rankDimension: nil) }
        let scale = configuration.scale(of: module.path)
        if !Float(scale).isFinite {
            errors.append(
                AdapterError(
                    .nonFinite, "the factor \(scale) of \(module.path) does not fit f32", file: AdapterFile.configuration, key: "lora_alpha"))
        }
        guard errors.count == before, let a = found[.a], let b = found[.b] else { return nil }
        return LoRATarget(module: module, rank: rank, scale: scale, a: a, b: b, bias: found[.bias])
    }

    private mutating func check(_ view: TensorView, _ expected: [Int], rankDimension: Int?) {
        guard [.f32, .f16, .bf16].contains(view.dtype) else {
            errors.append(
                AdapterError(.wrongShape, "elements are \(view.dtype.name), expected f32, f16 or bf16", file: file, tensor: view.name))
            return
        }
        guard view.shape != expected else { return }
        var message = "the shape is \(view.shape), expected \(expected)"
        guard view.shape.count == expected.count else {
            errors.append(AdapterError(.wrongShape, message, file: file, tensor: view.name))
            return
        }
        let differing = expected.indices.filter { view.shape[$0] != expected[$0] }
        let onlyRank = differing.allSatisfy { $0 == rankDimension }
        message += onlyRank ? ": the rank differs from the configuration's" : ": the widths are not those of \(baseName)\(trainedOn)"
        errors.append(AdapterError(onlyRank ? .wrongShape : .otherBase, message, file: file, tensor: view.name))
    }
}
