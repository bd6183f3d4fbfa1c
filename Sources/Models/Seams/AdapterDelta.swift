/// Everything an adapter does to the decoder. Immutable; shared by all requests that use the adapter.
///
/// The base model is the empty delta, or none: same code, no patch.
///
/// `@unchecked Sendable`: the table is filled in `init` and only read after; it points into buffers that `patches` keeps alive.
public final class AdapterDelta: @unchecked Sendable {
    public let layers: Int
    /// Bytes of all matrices and vectors.
    public let byteCount: Int
    /// At `layer * 7 + projection`.
    private let patches: [LinearPatch?]
    /// The same for the step's inner loops: plain pointers, no reference counts. `[layers * 7]`
    let table: UnsafeMutablePointer<PatchEntry>
    /// At `layer`; nil without branches.
    let branchTable: UnsafeMutablePointer<PatchEntry>?
    /// The greatest rank of a branch.
    let largestBranchRank: Int
    private let branches: [LowRank?]
    /// For each projection the greatest rank of all layers.
    let largestRank: [Int]
    /// For each projection, whether some layer scales its input.
    let scalesInput: [Bool]
    /// By layer.
    private let feedForward: [FeedForwardMixture?]
    /// Nil: no mixtures.
    let mixtures: MixtureTable?
    /// Whether a matrix is int8, which the reference path does not read.
    let hasInt8: Bool
    /// What it does to the embedding and to the vocabulary projection; nil: they are the base's.
    public let embedding: EmbeddingPatch?
    public let head: HeadPatch?
    /// The same for the inner loops.
    let embeddingEntry: UnsafeMutablePointer<EmbeddingEntry>?
    let headEntry: UnsafeMutablePointer<HeadEntry>?
    /// For each projection what its patches are made for; nil where layers differ.
    private let shapes: [PatchShape?]
    /// What the patches of embedding and head are made for; nil where they differ.
    private let vocabularyShape: VocabularyShape?

    /// A layer and projection is named at most once; layers are below `layers`. Shapes are checked against a model by
    /// `validate(for:)`, which the decoder asks before it uses the delta. Matrices that several patches
    /// share count once, as does a table that is also the head's matrix.
    ///
    /// - Parameters:
    ///   - branches: by layer, or empty: maps beside the feed-forward, `y = FFN(x) + scale * B (A x)`, where x is the
    ///     feed-forward's input, `[hidden]` to `[hidden]`; f32 or bf16. What memory experts add.
    ///   - feedForward: by layer, or empty: mixtures in place of the feed-forward. Where there is one, gate, up and down have no patch.
    public init(
        layers: Int, patches: [(layer: Int, projection: Projection, patch: LinearPatch)] = [], branches: [LowRank?] = [],
        embedding: EmbeddingPatch? = nil, head: HeadPatch? = nil, feedForward: [FeedForwardMixture?] = []
    ) {
        let width = Projection.allCases.count
        var slots = [LinearPatch?](repeating: nil, count: layers * width)
        for (layer, projection, patch) in patches where !patch.isEmpty {
            precondition(layer >= 0 && layer < layers, "a patch names a layer of the delta")
            precondition(slots[layer * width + projection.rawValue] == nil, "a projection is patched once")
            slots[layer * width + projection.rawValue] = patch
        }
        precondition(feedForward.isEmpty || feedForward.count == layers, "a mixture or nothing for each layer")
        let mixtures = feedForward.isEmpty ? [FeedForwardMixture?](repeating: nil, count: layers) : feedForward
        for (layer, mixture) in mixtures.enumerated() where mixture != nil {
            precondition(
                FeedForwardMixture.projections.allSatisfy { slots[layer * width + $0.rawValue] == nil },
                "a mixture replaces a feed-forward that is not patched")
        }
        self.layers = layers
        self.patches = slots
        precondition(branches.isEmpty || branches.count == layers, "there is a branch or none for each layer")
        precondition(branches.allSatisfy { $0?.element != .int8 }, "branches are not int8")
        self.branches = branches
        largestBranchRank = branches.reduce(0) { max($0, $1?.rank ?? 0) }
        branchTable = largestBranchRank == 0 ? nil : .allocate(capacity: layers)
        for (layer, branch) in branches.enumerated() {
            branchTable.map { ($0 + layer).initialize(to: PatchEntry(LinearPatch(lowRank: branch))) }
        }
        self.embedding = embedding?.isEmpty == false ? embedding : nil
        self.head = head?.isEmpty == false ? head : nil
        embeddingEntry = self.embedding.map { .allocated(EmbeddingEntry($0)) }
        headEntry = self.head.map { .allocated(HeadEntry($0)) }
        let table = self.embedding?.table
        let shared =
            (table === self.head?.matrix ? table?.byteCount ?? 0 : 0)
            + (self.embedding?.rows === self.head?.rows ? self.embedding?.rows?.byteCount ?? 0 : 0)
        self.feedForward = mixtures
        self.mixtures = MixtureTable(layers: layers, linear: slots.map { $0?.mixture }, feedForward: mixtures)
        byteCount =
            LowRank.byteCount(slots.compactMap { $0?.lowRank }) + slots.reduce(0) { $0 + ($1?.vectorBytes ?? 0) }
            + branches.reduce(0) { $0 + ($1?.byteCount ?? 0) }
            + mixtures.reduce(0) { $0 + ($1?.byteCount ?? 0) }
            + (self.embedding?.byteCount ?? 0) + (self.head?.byteCount ?? 0) - shared
        self.table = .allocate(capacity: max(slots.count, 1))
        let entries = (self.mixtures?.entries).map { UnsafePointer($0) }
        for (index, patch) in slots.enumerated() {
            let mixture = patch?.mixture == nil ? nil : entries.map { $0 + index }
            (self.table + index).initialize(to: PatchEntry(patch, mixture: mixture))
        }
        largestRank = Projection.allCases.map { projection in
            (0..<layers).reduce(0) { max($0, slots[$1 * width + projection.rawValue]?.lowRank?.rank ?? 0) }
        }
        scalesInput = Projection.allCases.map { projection in
            (0..<layers).contains { slots[$0 * width + projection.rawValue]?.inputScale != nil }
        }
        let experts = mixtures.flatMap { $0?.experts ?? [] }.flatMap { [$0.gate, $0.up, $0.down] }
        let hasInt8Experts = (slots + experts).contains { patch in
            patch?.lowRank?.element == .int8 || patch?.mixture?.experts.contains { $0?.element == .int8 } ?? false
        }
        hasInt8 =
            hasInt8Experts || self.head?.linear.lowRank?.element == .int8 || table?.isPacked == true
            || self.head?.matrix?.isPacked == true
        vocabularyShape = ((self.embedding?.shapes ?? []) + (self.head?.shapes ?? [])).reduce(Optional(VocabularyShape())) {
            $0?.joined($1)
        }
        shapes = Projection.allCases.map { projection in
            (0..<layers).reduce(into: Optional(PatchShape())) { shape, layer in
                shape = shape?.joined(slots[layer * width + projection.rawValue])
                guard let mixture = mixtures[layer] else { return }
                shape = shape?.joined(mixture, projection)
            }
        }
    }

    deinit {
        table.deallocate()
        branchTable?.deallocate()
        embeddingEntry?.deallocate()
        headEntry?.deallocate()
    }

    /// Whether `validate(for:)` would pass and the path reads its matrices. Cost: seven comparisons, for the step that is about
    /// to use it.
    func fits(_ configuration: DecoderConfiguration, _ precision: Decoder.Precision) -> Bool {
        layers == configuration.layers && !(hasInt8 && precision == .reference)
            && Projection.allCases.allSatisfy { projection in
                let (outputs, inputs) = projection.shape(in: configuration)
                guard let shape = shapes[projection.rawValue] else { return false }
                return (shape.outputs ?? outputs) == outputs && (shape.inputs ?? inputs) == inputs
            }
            && branches.allSatisfy { Self.fits($0, configuration) }
            && vocabularyShape?.fits(configuration) ?? false
    }

    private static func fits(_ branch: LowRank?, _ configuration: DecoderConfiguration) -> Bool {
        guard let branch else { return true }
        return branch.inputs == configuration.hidden && branch.outputs == configuration.hidden
    }

    /// What a layer adds beside its feed-forward.
    public func branch(_ layer: Int) -> LowRank? { branches.isEmpty ? nil : branches[layer] }

    /// What routers choose among, in the order of the model; empty without mixtures.
    public var routers: [ExpertRouter] { mixtures?.routers ?? [] }
    /// What they chose since the adapter was loaded; nil without mixtures.
    public var expertCounts: ExpertCounts? { mixtures?.counts }

    /// What replaces a layer's feed-forward.
    public func feedForward(_ layer: Int) -> FeedForwardMixture? { feedForward[layer] }

    public subscript(layer: Int, projection: Projection) -> LinearPatch? {
        patches[layer * Projection.allCases.count + projection.rawValue]
    }

    /// Throws `wrongShape`, naming layer and projection, unless every part fits the model.
    public func validate(for configuration: DecoderConfiguration) throws(ModelError) {
        guard layers == configuration.layers else {
            throw ModelError(.wrongShape, "made for \(layers) layers, the model has \(configuration.layers)")
        }
        for (layer, branch) in branches.enumerated() where !Self.fits(branch, configuration) {
            let hidden = configuration.hidden
            throw .wrongShape(
                "layers.\(layer).mlp", found: [branch?.outputs ?? 0, branch?.inputs ?? 0], expected: [hidden, hidden])
        }
        for layer in 0..<layers {
            for projection in Projection.allCases {
                let shape = projection.shape(in: configuration)
                let name = "layers.\(layer).\(projection.checkpointName)"
                if let patch = self[layer, projection] { try Self.check(patch, name, shape) }
                for (index, expert) in (feedForward[layer]?.experts ?? []).enumerated() {
                    if let patch = expert[projection] { try Self.check(patch, "\(name).experts.\(index)", shape) }
                }
            }
            if let mixture = feedForward[layer], mixture.router.count != mixture.experts.count * configuration.hidden {
                throw .wrongShape(
                    "layers.\(layer).mlp", found: [mixture.router.count], expected: [mixture.experts.count, configuration.hidden])
            }
        }
        for shape in embedding?.shapes ?? [] { try shape.validate("embed_tokens", for: configuration) }
        for shape in head?.shapes ?? [] { try shape.validate("lm_head", for: configuration) }
    }

    private static func check(
        _ patch: LinearPatch, _ name: String, _ shape: (outputs: Int, inputs: Int)
    ) throws(ModelError) {
        let (outputs, inputs) = shape
        for lowRank in [patch.lowRank] + (patch.mixture?.experts ?? []) {
            if let lowRank, lowRank.outputs != outputs || lowRank.inputs != inputs {
                throw .wrongShape(name, found: [lowRank.outputs, lowRank.inputs], expected: [outputs, inputs])
            }
        }
        for (vector, count) in [(patch.inputScale, inputs), (patch.outputScale, outputs), (patch.bias, outputs)] {
            if let vector, vector.count != count { throw .wrongShape(name, found: [vector.count], expected: [count]) }
        }
        if let mixture = patch.mixture, mixture.gate.count != mixture.experts.count * inputs {
            throw .wrongShape(name, found: [mixture.gate.count], expected: [mixture.experts.count, inputs])
        }
    }
}

extension UnsafeMutablePointer {
    /// Room for one value, which it holds.
    fileprivate static func allocated(_ value: Pointee) -> UnsafeMutablePointer {
        let pointer = UnsafeMutablePointer.allocate(capacity: 1)
        pointer.initialize(to: value)
        return pointer
    }
}

/// The sizes that patches of one projection agree on; nil: no part says.
private struct PatchShape {
    var outputs: Int?
    var inputs: Int?

    /// With one more patch; nil when it contradicts.
    func joined(_ patch: LinearPatch?) -> PatchShape? {
        let experts = patch?.mixture?.experts.compactMap { $0 } ?? []
        let outputs = [patch?.lowRank?.outputs, patch?.outputScale?.count, patch?.bias?.count] + experts.map(\.outputs)
        let inputs = [patch?.lowRank?.inputs, patch?.inputScale?.count] + experts.map(\.inputs)
        return joined(outputs: outputs.compactMap { $0 }, inputs: inputs.compactMap { $0 })?
            .joined(gate: patch?.mixture?.gate.count, experts: patch?.mixture?.experts.count)
    }

    /// With what the experts of a feed-forward do to one projection; nil when it contradicts.
    func joined(_ mixture: FeedForwardMixture, _ projection: Projection) -> PatchShape? {
        var joined: PatchShape? = self
        for expert in mixture.experts { joined = joined?.joined(expert[projection]) }
        // Gate and up read what the router reads.
        guard projection == .gate || projection == .up else { return joined }
        return joined?.joined(gate: mixture.router.count, experts: mixture.experts.count)
    }

    private func joined(outputs: [Int], inputs: [Int]) -> PatchShape? {
        var joined = self
        for count in outputs {
            guard joined.outputs ?? count == count else { return nil }
            joined.outputs = count
        }
        for count in inputs {
            guard joined.inputs ?? count == count else { return nil }
            joined.inputs = count
        }
        return joined
    }

    private func joined(gate: Int?, experts: Int?) -> PatchShape? {
        guard let gate, let experts else { return self }
        return gate % experts == 0 ? joined(outputs: [], inputs: [gate / experts]) : nil
    }
}
