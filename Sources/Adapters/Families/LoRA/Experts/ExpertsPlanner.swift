internal import Models
internal import Tensors

/// Compares what a LoRA's configuration and file say about the experts of a mixture, by the rules of PEFT 0.21.
struct ExpertsPlanner {
    /// Parameters of the experts' module, in its order, and what they hold.
    private static let parameters: [(name: String, parts: [Projection])] = [("gate_up_proj", [.gate, .up]), ("down_proj", [.down])]

    private(set) var targets: [ExpertsTarget] = []
    /// The tensors that are read here.
    let names: Set<String>
    private(set) var errors: [AdapterError] = []
    private let configuration: LoRAConfiguration
    private let base: BaseModules
    private let trainedOn: String
    private let shapes: TensorShapeCheck
    private var found: [ExpertsModule: (path: String, tensors: ModuleTensors<LoRAPart>)]

    init(_ content: AdapterContent, base: BaseModules, configuration: LoRAConfiguration) {
        (self.configuration, self.base) = (configuration, base)
        trainedOn = content.manifest.trainedOn
        shapes = TensorShapeCheck(base: base.name, trainedOn: trainedOn)
        var (names, found) = (Set<String>(), [ExpertsModule: (path: String, tensors: ModuleTensors<LoRAPart>)]())
        if base.configuration.experts != nil {
            for (name, view) in content.weights.tensors {
                guard let plain = PartName<LoRAPart>(plain: name), let module = ExpertsModule(plain.module, in: base) else { continue }
                names.insert(name)
                found[module, default: (plain.module, ModuleTensors())].tensors[plain.part] = view
            }
        }
        (self.names, self.found) = (names, found)
        checkParameters()
        guard let experts = base.configuration.experts, !names.isEmpty || !configuration.parameters.isEmpty else { return }
        for (key, isOn) in [("use_dora", configuration.usesDoRA), ("lora_bias", configuration.hasBias)] where isOn {
            errors.append(
                AdapterError(
                    .unsupported, "experts are changed, which are served with A and B alone, as in peft; train without it",
                    file: AdapterFile.configuration, key: key))
        }
        let hasModules = found.keys.contains { if case .expert = $0 { true } else { false } }
        for layer in 0..<base.layers {
            addRouter(layer, experts)
            addParameters(layer, experts)
            guard hasModules else { continue }
            for expert in 0..<experts.count {
                for projection in Projection.ofExperts { addModule(layer, expert, projection) }
            }
        }
        for module in self.found.values.sorted(by: { $0.path < $1.path }) {
            for name in module.tensors.names.sorted() {
                note(.unreadTensor, "the configuration does not target this module, so peft would not read it", tensor: name)
            }
        }
    }

    // MARK: What is targeted

    /// Entries of `target_parameters` that are no parameter of a mixture.
    private mutating func checkParameters() {
        for name in configuration.parameters {
            let isKnown = base.configuration.experts != nil && (0..<base.layers).contains { layer in
                Self.parameters.contains { isTargeted("model.layers.\(layer).mlp.experts.\($0.name)", by: name) }
                    || isTargeted(routerKey(layer), by: name)
            }
            if isKnown { continue }
            errors.append(
                AdapterError(
                    .unsupported,
                    base.configuration.experts == nil
                        ? "\(quoted(name)): \(base.name) has no experts; name linear maps in target_modules"
                        : "\(quoted(name)) is no parameter of \(base.name)'s mixtures, which have experts.gate_up_proj, experts.down_proj and \(ExpertsModule.router(in: base)).weight;"
                            + " name other modules in target_modules",
                    file: AdapterFile.configuration, key: "target_parameters"))
        }
    }

    private func routerKey(_ layer: Int) -> String { "model.layers.\(layer).mlp.\(ExpertsModule.router(in: base)).weight" }

    private func isTargeted(_ key: String, by name: String) -> Bool { key == name || key.hasSuffix("." + name) }
    private func isTargeted(_ key: String) -> Bool { configuration.parameters.contains { isTargeted(key, by: $0) } }

    private mutating func addParameters(_ layer: Int, _ experts: ExpertLayout) {
        let module = "model.layers.\(layer).mlp.experts"
        let targeted = Self.parameters.filter { isTargeted("\(module).\($0.name)") }
        for (number, parameter) in targeted.enumerated() {
            let path = "\(module).\(parameter.name)"
            let isInner = number + 1 < targeted.count
            guard let tensors = found.removeValue(forKey: .wrapper(layer: layer, isInner: isInner))?.tensors else {
                noteMissing(path, isInner ? "\(module).base_layer" : module)
                continue
            }
            let rank = configuration.rank(of: path)
            let shape = parameter.parts[0].shape(in: base.configuration)
            add(
                .all(parameter.parts), layer, path, isInner ? "\(module).base_layer" : module, path, "experts.\(parameter.name)", tensors, a: [experts.count * rank, shape.inputs],
                b: [shape.outputs * parameter.parts.count, rank * experts.count])
        }
    }

    private mutating func addModule(_ layer: Int, _ expert: Int, _ projection: Projection) {
        let shape = projection.shape(in: base.configuration)
        guard let module = found.removeValue(forKey: .expert(layer: layer, expert, projection)) else {
            let path = "model.layers.\(layer).\(ExpertsModule.name(expert, projection, in: base))"
            if configuration.selection.contains(path) { noteMissing(path, path) }
            return
        }
        guard configuration.selection.contains(module.path) else { return noteUntargeted(module.tensors) }
        let rank = configuration.rank(of: module.path)
        add(
            .one(expert, projection), layer, module.path, module.path, module.path, "experts.\(projection.shortName)", module.tensors,
            a: [rank, shape.inputs], b: [shape.outputs, rank])
    }

    /// As a module, or as the parameter of one.
    private mutating func addRouter(_ layer: Int, _ experts: ExpertLayout) {
        let key = routerKey(layer)
        guard let module = found.removeValue(forKey: .router(layer: layer)) else {
            if isTargeted(key) { noteMissing(key, String(key.dropLast(".weight".count))) }
            return
        }
        let isParameter = isTargeted(key)
        guard isParameter || configuration.selection.contains(module.path) else { return noteUntargeted(module.tensors) }
        let rank = configuration.rank(of: isParameter ? key : module.path)
        add(
            .router, layer, module.path, module.path, isParameter ? key : module.path, "mlp.\(ExpertsModule.router(in: base))", module.tensors, a: [rank, base.configuration.hidden],
            b: [experts.count, rank])
    }

    // MARK: Shapes

    /// `module`: what names the tensors; `key`: what rank and alpha are looked up for.
    private mutating func add(
        _ kind: ExpertsTarget.Kind, _ layer: Int, _ path: String, _ module: String, _ key: String, _ shortName: String, _ tensors: ModuleTensors<LoRAPart>, a: [Int],
        b: [Int]
    ) {
        let before = errors.count
        for part in [LoRAPart.bias, .magnitude, .magnitudeWeight, .velora] {
            if let view = tensors[part] { note(.unsupported, "\(path) has it; experts are served with A and B alone", tensor: view.name) }
        }
        for (part, shape, dimension) in [(LoRAPart.a, a, 0), (.b, b, 1)] {
            guard let view = tensors[part] else {
                note(.missingTensor, "not in the file, which has \(listed(tensors.names.sorted()))", tensor: part.name(in: module))
                continue
            }
            if let error = shapes.problem(view, shape, rankDimension: dimension) { errors.append(error) }
        }
        let scale = configuration.scale(of: key)
        if !Float(scale).isFinite {
            errors.append(
                AdapterError(
                    .nonFinite, "the factor \(scale) of \(path) does not fit f32", file: AdapterFile.configuration, key: "lora_alpha"))
        }
        guard errors.count == before, let a = tensors[.a], let b = tensors[.b] else { return }
        targets.append(
            ExpertsTarget(
                layer: layer, kind: kind, path: path, shortName: shortName, takesTurns: base.configuration.architecture == .gptOSS,
                rank: configuration.rank(of: key), scale: scale, a: a, b: b))
    }

    private mutating func noteMissing(_ path: String, _ module: String) {
        note(
            .missingTensor, "the configuration targets \(path), but the file has no tensors for it\(trainedOn)", tensor: LoRAPart.a.name(in: module))
    }

    private mutating func noteUntargeted(_ tensors: ModuleTensors<LoRAPart>) {
        for name in tensors.names.sorted() {
            note(.unreadTensor, "the configuration does not target this module, so peft would not read it", tensor: name)
        }
    }

    private mutating func note(_ code: AdapterError.Code, _ message: String, tensor: String) {
        errors.append(AdapterError(code, message, file: AdapterFile.weights, tensor: tensor))
    }
}
