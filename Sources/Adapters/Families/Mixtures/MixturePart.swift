internal import Models
internal import Tensors

/// The part of a mixture for one module: a projection with a plain LoRA, a projection with experts, or a whole feed-forward
/// with experts.
struct MixturePart: Sendable {
    let layer: Int
    /// Nil: the feed-forward.
    var module: BaseModules.Linear?
    /// Nil: a plain LoRA.
    var router: TensorView?
    var selection = ExpertSelection.all
    /// By expert, and of a feed-forward gate, up and down; nil: not targeted. A plain LoRA is one expert.
    var pairs: [[LoRATarget?]]

    var targets: [LoRATarget] { pairs.flatMap { $0.compactMap { $0 } } }
    var tensors: [TensorView] { [router].compactMap { $0 } + targets.flatMap(\.tensors) }
    /// Bytes that a reader needs.
    var room: Int { tensors.reduce(0) { $0 + ElementReader.room($1) } }
    var workBytes: Int { targets.reduce(room) { $0 + $1.workBytes - $1.room } }

    func footprint(_ element: LowRank.Element) -> Int {
        targets.reduce(0) { $0 + LowRank.footprint(a: $1.a, b: $1.b, element: element) }
    }

    /// Bytes of the delta's part. `biases`: projections of the base with one.
    func byteCount(_ element: LowRank.Element, biases: Set<Projection>) -> Int {
        targets.reduce(4 * (router?.elementCount ?? 0)) { sum, target in
            let bytes = LowRank.byteCounts(a: target.a, b: target.b, element: element)
            let hasBias = router == nil && biases.contains(target.module.projection)
            return sum + bytes.a + bytes.b + (target.isDecomposed ? 4 * target.module.outputs * (hasBias ? 2 : 1) : 0)
        }
    }

    /// The finished part; both nil when nothing changes.
    struct Outcome: Sendable {
        var patch: LinearPatch?
        var feedForward: FeedForwardMixture?
    }

    /// Reads the tensors; matrices go to `memory`, which has their footprint.
    func outcome(
        _ reader: ElementReader, _ element: LowRank.Element, _ memory: MatrixMemory, weights: BaseWeights?
    ) throws(AdapterError) -> Outcome {
        var patches: [[LinearPatch?]] = []
        for expert in pairs {
            var row: [LinearPatch?] = []
            for pair in expert {
                guard let pair else {
                    row.append(nil)
                    continue
                }
                let patch = try Self.patch(try pair.read(reader), element, memory, weights: weights, isPlain: router == nil)
                row.append(patch.isEmpty ? nil : patch)
            }
            patches.append(row)
        }
        guard let router else { return Outcome(patch: patches[0][0]) }
        let filled = try reader.read(router)
        try ElementLimit.check(filled)
        let isIdle = patches.allSatisfy { $0.allSatisfy { $0 == nil } }
        if module != nil {
            if isIdle { return Outcome() }
            let mixture = LinearMixture(router: FloatBuffer(filled.floats()), selection: selection, experts: patches.map { $0[0]?.lowRank })
            return Outcome(patch: LinearPatch(mixture: mixture))
        }
        // Weights that sum to 1 of equal experts give the base's feed-forward; others scale it.
        if isIdle, case .top = selection { return Outcome() }
        return Outcome(
            feedForward: FeedForwardMixture(
                router: FloatBuffer(filled.floats()), selection: selection,
                experts: patches.map { .init(gate: $0[0], up: $0[1], down: $0[2]) }))
    }

    /// A pair with its elements. With DoRA rows are scaled, and so is the base's bias: an expert's output scale reaches it by
    /// itself, a plain patch's does not (g b = b + (g - 1) b).
    private static func patch(
        _ pair: LoRATarget, _ element: LowRank.Element, _ memory: MatrixMemory, weights: BaseWeights?, isPlain: Bool
    ) throws(AdapterError) -> LinearPatch {
        var patch = try pair.lowRankPatch(element, memory)
        guard pair.isDecomposed, let weights else { return patch }
        let factors = try WeightDecomposition(pair, weights: weights).factors(nil)
        if patch.isEmpty && WeightDecomposition.areUnity(factors) { return patch }
        patch.outputScale = FloatBuffer(factors)
        if isPlain, let bias = weights.bias(of: pair.module.layer, pair.module.projection) {
            patch.bias = FloatBuffer(zip(factors, bias).map { ($0 - 1) * $1 })
        }
        return patch
    }
}
