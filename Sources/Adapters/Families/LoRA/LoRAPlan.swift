internal import Models
internal import Synchronization
internal import Tensors

/// The pair of one module, of the right shapes and types.
struct LoRATarget: Sendable {
    let module: BaseModules.Linear
    let rank: Int
    let scale: Double
    /// `[rank, inputs]`
    let a: TensorView
    /// `[outputs, rank]`
    let b: TensorView
    /// `[outputs]`; scaled like `B A`.
    let bias: TensorView?

    var parameters: Int { a.elementCount + b.elementCount + (bias?.elementCount ?? 0) }
    /// Bytes that a reader needs for all its tensors.
    var room: Int { ElementReader.room(a) + ElementReader.room(b) + (bias.map(ElementReader.room) ?? 0) }

    /// The same with its elements, as long as the reader keeps them.
    func read(_ reader: ElementReader) throws(AdapterError) -> LoRATarget {
        let bias: TensorView? = if let bias { try reader.read(bias) } else { nil }
        return LoRATarget(
            module: module, rank: rank, scale: scale, a: try reader.read(a), b: try reader.read(b), bias: bias)
    }
}

/// The modules that a LoRA changes.
struct LoRAPlan: AdapterPlan {
    let configuration: LoRAConfiguration
    let layers: Int
    let targets: [LoRATarget]

    var summary: AdapterSummary {
        let ranks = targets.map(\.rank)
        let scales = targets.map(\.scale)
        let projections = Set(targets.map(\.module.projection))
        return AdapterSummary(
            family: "lora", ranks: Self.range(ranks), alpha: configuration.alpha, scales: Self.range(scales),
            targets: Projection.allCases.filter(projections.contains).map(\.shortName), patchCount: targets.count,
            parameters: targets.reduce(0) { $0 + $1.parameters }, baseModelName: configuration.baseModelName)
    }

    private static func range<Value: Comparable>(_ values: [Value]) -> ClosedRange<Value>? {
        guard let least = values.min(), let greatest = values.max(), least <= greatest else { return nil }
        return least...greatest
    }

    func byteCount(element: LowRank.Element) -> Int {
        targets.reduce(0) { sum, target in
            let bytes = LowRank.byteCounts(a: target.a, b: target.b, element: element)
            return sum + bytes.a + bytes.b + 4 * (target.bias?.elementCount ?? 0)
        }
    }

    func delta(element: LowRank.Element, elements: AdapterElements, problems: inout AdapterProblems) -> AdapterDelta? {
        let before = problems.count
        let footprints = targets.map { LowRank.footprint(a: $0.a, b: $0.b, element: element) }
        let memory = MatrixMemory(byteCount: footprints.reduce(0, +))
        // Parts are given out first, so that matrices lie in the order of the model whichever thread fills them.
        let parts = footprints.map(memory.part)
        let outcomes = Mutex([Result<LinearPatch?, AdapterError>](repeating: .success(nil), count: targets.count))
        let bytes = targets.reduce(0) { $0 + $1.room }
        elements.spread(targets.count, bytes: bytes, room: targets.map(\.room).max() ?? 0) { index, reader in
            let outcome = Result { () throws(AdapterError) in
                try Self.patch(try targets[index].read(reader), element, parts[index])
            }
            outcomes.withLock { $0[index] = outcome }
        }
        var patches: [(layer: Int, projection: Projection, patch: LinearPatch)] = []
        for (target, outcome) in zip(targets, outcomes.withLock { $0 }) {
            let patch = problems.noting { () throws(AdapterError) in try outcome.get() }
            if let patch, let patch { patches.append((target.module.layer, target.module.projection, patch)) }
        }
        guard problems.count == before else { return nil }
        guard !patches.isEmpty else {
            problems.note(Self.noEffect(targets))
            return nil
        }
        return AdapterDelta(layers: layers, patches: patches)
    }

    /// Nil when the pair changes nothing: B is zero until training moves it.
    private static func patch(
        _ target: LoRATarget, _ element: LowRank.Element, _ memory: MatrixMemory
    ) throws(AdapterError) -> LinearPatch? {
        let largest = element == .bf16 ? ElementLimit.firstBeyondBF16 : ElementLimit.infinity
        try check(target.a, largest)
        try check(target.b, largest)
        if let bias = target.bias { try check(bias, ElementLimit.infinity) }
        let scale = Float(target.scale)
        guard scale != 0 else { return nil }
        var patch = LinearPatch()
        // A rank counts where both its row of A and its column of B have something.
        if zip(target.a.nonzeroRows(), target.b.nonzeroColumns()).contains(where: { $0 && $1 }) {
            do {
                patch.lowRank = try LowRank(a: target.a, b: target.b, scale: scale, element: element, memory: memory)
            } catch {
                throw AdapterError(.wrongShape, error.message, file: AdapterFile.weights, tensor: target.a.name)
            }
        }
        if let bias = target.bias?.floats(), bias.contains(where: { $0 != 0 }) {
            patch.bias = FloatBuffer(bias.map { $0 * scale })
        }
        return patch.isEmpty ? nil : patch
    }

    private static func check(_ view: TensorView, _ limit: UInt32) throws(AdapterError) {
        guard let index = view.firstIndex(beyond: limit) else { return }
        let value = view.floats()[index]
        throw AdapterError(
            .nonFinite, "element \(index) is \(value), expected a finite number\(value.isFinite ? " that bf16 holds" : "")",
            file: AdapterFile.weights, tensor: view.name)
    }

    private static func noEffect(_ targets: [LoRATarget]) -> AdapterError {
        if let first = targets.first, targets.allSatisfy({ Float($0.scale) == 0 }) {
            return AdapterError(
                .noEffect, "the factor of \(first.module.path) and of all others is 0", file: AdapterFile.configuration, key: "lora_alpha")
        }
        return AdapterError(
            .noEffect, "A or B is zero in all \(targets.count) targets: the adapter would change nothing; was it saved before training?",
            file: AdapterFile.weights, tensor: targets.first?.b.name)
    }

    func effects() -> [AdapterEffect] {
        targets.map { target in
            let bias = target.bias?.floats() ?? []
            let biasNorm = bias.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            return AdapterEffect(
                module: target.module.path, layer: target.module.layer, projection: target.module.projection, rank: target.rank,
                scale: target.scale, norm: abs(target.scale) * (LowRankNorm.norm(a: target.a, b: target.b) + biasNorm))
        }
    }
}
