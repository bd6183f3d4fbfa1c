internal import Tensors

/// Compares what the configuration asks for, what the file holds and what the base has: all three have to agree.
struct LoRAPlanner {
    typealias Part = LoRATensorName.Part

    let configuration: LoRAConfiguration
    private let content: AdapterContent
    private let base: BaseModules
    private let file = AdapterFile.weights
    private(set) var errors: [AdapterError] = []

    /// The tensors of one module.
    private struct Found {
        private var views: [TensorView?] = [nil, nil, nil]

        subscript(part: Part) -> TensorView? {
            get { views[part.position] }
            set { views[part.position] = newValue }
        }

        var names: [String] { views.compactMap { $0?.name } }
        var isEmpty: Bool { views.allSatisfy { $0 == nil } }
    }

    init(configuration: LoRAConfiguration, content: AdapterContent, base: BaseModules) {
        self.configuration = configuration
        self.content = content
        self.base = base
    }

    mutating func plan() -> LoRAPlan {
        let tensors = sortTensors()
        var targets: [LoRATarget] = []
        for (module, found) in zip(base.linears, tensors) {
            let isTarget = configuration.selection.contains(module.path, suffixes: module.suffixes)
            switch (isTarget, found.isEmpty) {
            case (true, false): if let target = target(module, found) { targets.append(target) }
            case (true, true): noteMissing(module.path)
            case (false, false): for name in found.names { noteUntargeted(name) }
            case (false, true): break
            }
        }
        checkOtherTargets(targets)
        return LoRAPlan(configuration: configuration, layers: base.layers, targets: targets)
    }

    // MARK: Names

    /// The tensors of each of the base's linear modules; those that belong to none are noted.
    private mutating func sortTensors() -> [Found] {
        var sorted = [Found](repeating: Found(), count: base.linears.count)
        var refused: [(name: String, error: AdapterError)] = []
        for (name, view) in content.weights.tensors {
            do throws(AdapterError) {
                let (position, part) = try place(of: name)
                sorted[position][part] = view
            } catch {
                refused.append((name, error))
            }
        }
        errors += refused.sorted { $0.name < $1.name }.map(\.error)
        return sorted
    }

    /// Reasons to refuse a name are only looked for where it is none of the base's.
    private func place(of name: String) throws(AdapterError) -> (position: Int, part: Part) {
        var parsed: LoRATensorName
        var position: Int?
        if let plain = LoRATensorName(plain: name), let known = base.position(of: plain.module) {
            (parsed, position) = (plain, known)
        } else {
            parsed = try LoRATensorName(name, file: file)
            position = base.position(of: parsed.module)
        }
        guard let position else { throw unknownModule(parsed.module, tensor: name) }
        if parsed.part == .bias && !configuration.hasBias {
            throw AdapterError(.unreadTensor, "the configuration has lora_bias off", file: file, tensor: name)
        }
        return (position, parsed.part)
    }

    private func unknownModule(_ module: String, tensor: String) -> AdapterError {
        if module == BaseModules.embedding || module == BaseModules.head {
            return AdapterError(.unsupported, "adapters of \(module) are not served", file: file, tensor: tensor)
        }
        if let layer = BaseModules.layer(of: module), layer >= base.layers {
            return AdapterError(
                .otherBase, "layer \(layer); \(base.name) has the layers 0 to \(base.layers - 1)\(trainedOn)", file: file, tensor: tensor)
        }
        return AdapterError(.unreadTensor, "\(base.name) has no module \(quoted(module))\(trainedOn)", file: file, tensor: tensor)
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
                    .noEffect, "no module of \(base.name) is targeted", file: AdapterFile.configuration, key: "target_modules"))
        }
    }

    // MARK: Shapes

    private mutating func target(_ module: BaseModules.Linear, _ found: Found) -> LoRATarget? {
        let before = errors.count
        let rank = configuration.rank(of: module.path)
        let required: [Part] = configuration.hasBias ? [.a, .b, .bias] : [.a, .b]
        for part in required where found[part] == nil {
            let others = found.names.sorted()
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
        message += onlyRank ? ": the rank differs from the configuration's" : ": the widths are not those of \(base.name)\(trainedOn)"
        errors.append(AdapterError(onlyRank ? .wrongShape : .otherBase, message, file: file, tensor: view.name))
    }
}
