internal import Models
internal import Tensors

/// Finds the norms that an adapter replaces: `<module>.weight` of `modules_to_save`, `<module>.ln_tuning_layers.weight` of LN tuning.
struct NormPlanner {
    /// Of all tensors that are read here.
    private(set) var names: Set<String> = []
    private(set) var targets: [NormTarget] = []
    private(set) var errors: [AdapterError] = []

    /// The norms of the base that an entry of `modules_to_save` means. PEFT compares ends of paths, wherever they begin: `norm` is also
    /// `post_attention_layernorm`.
    static func isNorm(_ name: String, of base: BaseModules) -> Bool { base.norms.contains { $0.path.hasSuffix(name) } }

    /// The norms of `modules_to_save`.
    init(_ content: AdapterContent, base: BaseModules, saved: [String]) {
        self.init(content, base: base, ending: "weight") { path in saved.contains { path.hasSuffix($0) } }
    }

    /// Those for which `isTarget` is true of the path. A missing tensor and one of another shape are noted.
    init(_ content: AdapterContent, base: BaseModules, ending: String, isTarget: (String) -> Bool) {
        let shapes = TensorShapeCheck(base: base.name, trainedOn: content.manifest.trainedOn)
        for (place, path) in base.norms where isTarget(path) {
            let name = "base_model.model.\(path).\(ending)"
            guard let view = content.weights.tensors[name] else {
                errors.append(
                    AdapterError(
                        .missingTensor, "the configuration asks for it, and the file does not have it", file: AdapterFile.weights, tensor: name))
                continue
            }
            names.insert(name)
            if let problem = shapes.problem(view, [place.width(in: base.configuration)]) {
                errors.append(problem)
            } else {
                targets.append(NormTarget(place: place, path: path, weight: view))
            }
        }
    }
}

/// The norms that an adapter replaces, as a part of its plan.
struct NormPlan: Sendable {
    let targets: [NormTarget]
    let base: BaseModules

    var parameters: Int { targets.reduce(0) { $0 + $1.weight.elementCount } }
    var byteCount: Int { 4 * parameters }
    /// Each kind once, in the order of the model.
    var shortNames: [String] { targets.map(\.shortName).reduce(into: []) { if !$0.contains($1) { $0.append($1) } } }

    /// Those that differ from the base's. Noted: what cannot be read or is not finite; nil then.
    func factors(_ elements: AdapterElements, problems: inout AdapterProblems) -> [NormPlace: FloatBuffer]? {
        let made = elements.made(targets.count, room: targets.map { ElementReader.room($0.weight) }.max() ?? 0, problems: &problems) {
            (index, reader) throws(AdapterError) in try targets[index].factors(reader, base)
        }
        guard let made else { return nil }
        return Dictionary(zip(targets, made).compactMap { target, factors in factors.map { (target.place, $0) } }) { first, _ in first }
    }

    func effects() -> [AdapterEffect] {
        targets.map { AdapterEffect(module: $0.path, layer: nil, projection: nil, rank: 0, scale: 1, norm: $0.change(base)) }
    }
}
