internal import Models

/// What PEFT may have trained in addition to a family's own tensors: whole modules (`modules_to_save`: embedding, head and norms) and biases
/// of the base (`bias`).
///
/// A family leaves `names` out of its own, and wraps its plan.
struct CommonParts {
    /// Modules of the adapter's own, which are no targets.
    let saved: Set<VocabularyModule>
    /// Tensors that are read here, or refused here.
    let names: Set<String>
    private let vocabulary: VocabularyPlan
    private let biases: [BiasTarget]
    private let norms: [NormTarget]
    private let base: BaseModules

    /// Notes what cannot be served.
    init(
        _ content: AdapterContent, base: BaseModules, selection: ModuleSelection, biases rule: BiasRule = .none,
        problems: inout AdapterProblems
    ) {
        var options = VocabularyOptions(content.manifest, base: base, problems: &problems)
        options.tokens = [:]
        var planner = VocabularyPlanner(content, base: base, options: options)
        let biasPlanner = BiasPlanner(content, base: base, selection: selection, rule: rule)
        saved = options.saved
        let normPlanner = NormPlanner(content, base: base, saved: options.savedNorms)
        names = planner.names.union(biasPlanner.names).union(normPlanner.names)
        vocabulary = planner.plan()
        biases = biasPlanner.targets
        norms = normPlanner.targets
        self.base = base
        for error in planner.errors + biasPlanner.errors + normPlanner.errors { problems.note(error) }
    }

    /// The family's plan, with these parts where there are any.
    func joined(to plan: some AdapterPlan) -> any AdapterPlan {
        guard !vocabulary.isEmpty || !biases.isEmpty || !norms.isEmpty else { return plan }
        return JoinedPlan(
            plan: plan, vocabulary: vocabulary, biases: biases, norms: NormPlan(targets: norms, base: base), weights: base.weights,
            layers: base.layers)
    }
}

/// A family's plan, and the parts that are read in the same way for every family.
struct JoinedPlan<Own: AdapterPlan>: AdapterPlan {
    let plan: Own
    let vocabulary: VocabularyPlan
    let biases: [BiasTarget]
    let norms: NormPlan
    let weights: BaseWeights?
    let layers: Int

    var summary: AdapterSummary {
        var summary = plan.summary
        summary.targets += vocabulary.modules.map(\.shortName) + norms.shortNames
        summary.patchCount += vocabulary.modules.count + norms.targets.count
        summary.parameters += vocabulary.parameters + norms.parameters + biases.reduce(0) { $0 + $1.parameters }
        return summary
    }

    func byteCount(element: LowRank.Element) -> Int {
        plan.byteCount(element: element) + vocabulary.byteCount(element: element) + norms.byteCount + biases.reduce(0) { $0 + 4 * $1.module.outputs }
    }

    func delta(element: LowRank.Element, elements: AdapterElements, problems: inout AdapterProblems) -> AdapterDelta? {
        let before = problems.count
        var own = AdapterProblems()
        let delta = plan.delta(element: element, elements: elements, problems: &own)
        let differences = elements.patches(biases, problems: &problems) { (index, reader) throws(AdapterError) in
            guard let weights else { return nil }
            return try biases[index].difference(reader, weights).map { LinearPatch(bias: $0) }
        }
        let patches = vocabulary.patches(element: element, elements: elements, problems: &problems)
        let factors = norms.factors(elements, problems: &problems)
        // A family's own part may do nothing when another part does something.
        let isIdle = own.errors.first?.code == .noEffect && own.count == 1
        let hasMore = patches?.isEmpty == false || differences?.isEmpty == false || factors?.isEmpty == false
        if !(isIdle && hasMore) { own.errors.forEach { problems.note($0) } }
        guard problems.count == before, let patches, let differences, let factors else { return nil }
        let joined = (delta?.placedPatches ?? []).adding(differences)
        return AdapterDelta(
            layers: layers, patches: joined, embedding: delta?.embedding ?? patches.embedding, head: delta?.head ?? patches.head,
            norms: factors.merging(delta?.ownNorms ?? [:]) { $1 }, experts: delta?.ownExperts ?? [])
    }

    func effects() -> [AdapterEffect] { plan.effects().adding(biases, weights) + vocabulary.effects() + norms.effects() }
}

extension AdapterDelta {
    /// Its patches of linear modules, in the order of the model.
    fileprivate var placedPatches: [PlacedPatch] {
        (0..<layers).flatMap { layer in
            Projection.allCases.compactMap { projection in self[layer, projection].map { (layer, projection, $0) } }
        }
    }
}
