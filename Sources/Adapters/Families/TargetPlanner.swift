internal import Tensors

/// Compares the configuration, the file and the base, which have to agree. Shared by the families that change linear modules.
struct TargetPlanner<Part: ModulePart> {
    typealias Target = (module: BaseModules.Linear, tensors: ModuleTensors<Part>)

    let content: AdapterContent
    let base: BaseModules
    let selection: ModuleSelection
    /// For messages: `a LoRA`.
    let kind: String
    private(set) var errors: [AdapterError] = []
    private let shapes: TensorShapeCheck

    init(_ content: AdapterContent, base: BaseModules, selection: ModuleSelection, kind: String) {
        self.content = content
        self.base = base
        self.selection = selection
        self.kind = kind
        shapes = TensorShapeCheck(base: base.name, trainedOn: content.manifest.trainedOn)
    }

    /// The modules that are targeted and have tensors, in the order of the model. Noted: targets without tensors, tensors without a
    /// target, and those that belong to no module. `apart`: names of tensors that the family reads elsewhere. `refusal`: why
    /// the configuration has no use for a part.
    mutating func targets(apart: Set<String> = [], refusal: (Part) -> String? = { _ in nil }) -> [Target] {
        let sorted = sortTensors(apart, refusal)
        var targets: [Target] = []
        for (module, found) in zip(base.linears, sorted) {
            switch (selection.contains(module.path, suffixes: module.suffixes), found.isEmpty) {
            case (true, false): targets.append((module, found))
            case (true, true): noteMissing(module.path)
            case (false, false): found.names.forEach { noteUntargeted($0) }
            case (false, true): break
            }
        }
        return targets
    }

    mutating func note(_ error: AdapterError) { errors.append(error) }

    /// A target outside the linear modules, for families that do not change it. What is saved whole is no target.
    mutating func refuseVocabularyTargets(saved: Set<VocabularyModule> = []) {
        for module in VocabularyModule.allCases where !saved.contains(module) && selection.contains(module.path, isLinear: false) {
            note(
                AdapterError(
                    .unsupported, "\(module.path) is targeted; adapters of it are not served", file: AdapterFile.configuration,
                    key: "target_modules"))
        }
    }

    /// A configuration that means no module at all, unless something else is wrong.
    mutating func checkSomethingIsTargeted(_ count: Int) {
        guard count == 0 && errors.isEmpty else { return }
        note(
            AdapterError(
                .noEffect, "no module of \(base.name) is targeted", file: AdapterFile.configuration, key: "target_modules"))
    }

    // MARK: Names

    /// The tensors of each of the base's linear modules.
    private mutating func sortTensors(_ apart: Set<String>, _ refusal: (Part) -> String?) -> [ModuleTensors<Part>] {
        var sorted = [ModuleTensors<Part>](repeating: ModuleTensors(), count: base.linears.count)
        var refused: [(name: String, error: AdapterError)] = []
        for (name, view) in content.weights.tensors where !apart.contains(name) {
            do throws(AdapterError) {
                let (position, part) = try place(of: name, refusal)
                sorted[position][part] = view
            } catch {
                var error = error
                error.message += CanonicalName.hint(name)
                refused.append((name, error))
            }
        }
        errors += refused.sorted { $0.name < $1.name }.map(\.error)
        return sorted
    }

    /// The reason to refuse a name is looked for only when the base has no such module.
    private func place(of name: String, _ refusal: (Part) -> String?) throws(AdapterError) -> (position: Int, part: Part) {
        var parsed: PartName<Part>
        var position: Int?
        if let plain = PartName<Part>(plain: name), let known = base.position(of: plain.module) {
            (parsed, position) = (plain, known)
        } else {
            parsed = try PartName(name, kind: kind)
            position = base.position(of: parsed.module)
        }
        guard let position else { throw unknownModule(parsed.module, tensor: name) }
        if let reason = refusal(parsed.part) {
            throw AdapterError(.unreadTensor, reason, file: AdapterFile.weights, tensor: name)
        }
        return (position, parsed.part)
    }

    private func unknownModule(_ module: String, tensor: String) -> AdapterError {
        if module == BaseModules.embedding || module == BaseModules.head {
            return AdapterError(.unsupported, "adapters of \(module) are not served", file: AdapterFile.weights, tensor: tensor)
        }
        if let layer = BaseModules.layer(of: module), layer >= base.layers {
            return AdapterError(
                .otherBase, "layer \(layer); \(base.name) has the layers 0 to \(base.layers - 1)\(trainedOn)",
                file: AdapterFile.weights, tensor: tensor)
        }
        return AdapterError(
            .unreadTensor, "\(base.name) has no module \(quoted(module))\(trainedOn)", file: AdapterFile.weights, tensor: tensor)
    }

    private var trainedOn: String { content.manifest.trainedOn }

    private mutating func noteMissing(_ path: String) {
        note(
            AdapterError(
                .missingTensor, "the configuration targets \(path), but the file has no tensors for it\(trainedOn)",
                file: AdapterFile.weights, tensor: Part.allCases.first?.name(in: path)))
    }

    private mutating func noteUntargeted(_ tensor: String) {
        note(
            AdapterError(
                .unreadTensor, "the configuration does not target this module, so peft would not read it", file: AdapterFile.weights,
                tensor: tensor))
    }

    // MARK: Shapes

    /// Parts that a target has to have.
    mutating func require(_ parts: [Part], of target: Target) {
        for part in parts where target.tensors[part] == nil {
            note(
                AdapterError(
                    .missingTensor, "not in the file, which has \(listed(target.tensors.names.sorted()))", file: AdapterFile.weights,
                    tensor: part.name(in: target.module.path)))
        }
    }

    /// A tensor's type and shape; nothing without a tensor. `rankDimension` is the one in which the configuration's rank shows;
    /// elsewhere a difference says that the adapter was made for another base.
    mutating func check(_ view: TensorView?, _ expected: [Int], rankDimension: Int? = nil) {
        guard let view, let error = shapes.problem(view, expected, rankDimension: rankDimension) else { return }
        note(error)
    }
}
