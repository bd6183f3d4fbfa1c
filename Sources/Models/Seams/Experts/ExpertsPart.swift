/// What an adapter does to the experts of the base, layer by layer.
///
/// `@unchecked Sendable`: the flat tables are filled in `init` and only read after, and nothing outside `init` has a way to write them. They
/// point into matrices that `patches` keeps alive. `MixedBatchTests` reads them on several threads.
final class ExpertsPart: SeamPart, @unchecked Sendable {
    /// By layer.
    let patches: [ExpertsPatch?]
    /// The same for inner loops.
    let entries: ExpertsEntries
    /// Of gate, up and down, and of the router.
    let largestRank: [Int]
    let routerRank: Int
    let byteCount: Int
    let hasInt8: Bool
    var isLowRank: Bool { false }
    private let memory: UnsafeMutablePointer<PatchEntry>
    private let count: Int
    /// What the updates of gate, up, down and the router are made for: one size each, if they fit any base.
    private let sizes: [Set<Size>]

    private struct Size: Hashable {
        let outputs: Int
        let inputs: Int
    }

    /// By layer, or empty. Nil: there is none.
    init?(layers: Int, _ patches: [ExpertsPatch?]) {
        precondition(patches.isEmpty || patches.count == layers, "\(patches.count) layers of experts for \(layers) layers")
        let given = patches.compactMap { $0 }
        guard let count = given.first?.experts.count else { return nil }
        precondition(given.allSatisfy { $0.experts.count == count }, "the layers' patches are for different numbers of experts")
        (self.patches, self.count) = (patches, count)
        let parts = Projection.ofExperts.count
        memory = .allocate(capacity: layers * (parts * count + 1))
        memory.initialize(repeating: PatchEntry(nil), count: layers * (parts * count + 1))
        let routers = memory + layers * parts * count
        for (layer, patch) in patches.enumerated() {
            guard let patch else { continue }
            routers[layer] = PatchEntry(patch.router.map { LinearPatch(lowRank: $0) })
            for (expert, updates) in patch.experts.enumerated() {
                for (part, update) in updates.parts.enumerated() {
                    memory[(layer * count + expert) * parts + part] = PatchEntry(update.map { LinearPatch(lowRank: $0) })
                }
            }
        }
        entries = ExpertsEntries(experts: memory, routers: routers, count: count)
        largestRank = Projection.ofExperts.map { projection in
            given.flatMap(\.experts).reduce(0) { max($0, $1[projection]?.rank ?? 0) }
        }
        routerRank = given.reduce(0) { max($0, $1.router?.rank ?? 0) }
        let all = given.flatMap(\.lowRanks)
        byteCount = LowRank.byteCount(all)
        sizes = Projection.ofExperts.map { projection in
            Set(given.flatMap(\.experts).compactMap { $0[projection].map { Size(outputs: $0.outputs, inputs: $0.inputs) } })
        } + [Set(given.compactMap { $0.router.map { Size(outputs: $0.outputs, inputs: $0.inputs) } })]
        hasInt8 = all.contains { $0.element == .int8 }
    }

    deinit { memory.deallocate() }

    func fits(_ configuration: DecoderConfiguration) -> Bool {
        guard let layout = configuration.experts, layout.count == count else { return false }
        for (part, projection) in Projection.ofExperts.enumerated() {
            let (outputs, inputs) = projection.shape(in: configuration)
            guard sizes[part].allSatisfy({ $0.outputs == outputs && $0.inputs == inputs }) else { return false }
        }
        return sizes[Projection.ofExperts.count].allSatisfy { $0.outputs == layout.count && $0.inputs == configuration.hidden }
    }

    func validate(for configuration: DecoderConfiguration) throws(ModelError) {
        for (layer, patch) in patches.enumerated() {
            guard let patch else { continue }
            let name = "layers.\(layer).mlp.experts"
            guard let layout = configuration.experts else { throw .noSuchMap(name) }
            guard patch.experts.count == layout.count else {
                throw .wrongShape(name, found: [patch.experts.count], expected: [layout.count])
            }
            try patch.router?.validate("layers.\(layer).mlp.gate", (layout.count, configuration.hidden))
            for (expert, updates) in patch.experts.enumerated() {
                for projection in Projection.ofExperts {
                    try updates[projection]?.validate("\(name).\(expert).\(projection.checkpointName)", projection.shape(in: configuration))
                }
            }
        }
    }
}

/// The tables of an `ExpertsPart` as inner loops read them: borrowed memory.
struct ExpertsEntries {
    /// Gate, up and down of each expert, layer after layer.
    fileprivate let experts: UnsafePointer<PatchEntry>
    fileprivate let routers: UnsafePointer<PatchEntry>
    fileprivate let count: Int

    /// One part of one expert; nil: it has no update.
    func patch(_ layer: Int, _ expert: Int, _ part: Int) -> UnsafePointer<PatchEntry>? {
        let entry = experts + 3 * (layer * count + expert) + part
        return entry.pointee.rank > 0 ? entry : nil
    }

    /// The router's update; nil: it has none.
    func router(_ layer: Int) -> UnsafePointer<PatchEntry>? { routers[layer].rank > 0 ? routers + layer : nil }
}

/// The most that updates of experts of a plan's rows need.
struct ExpertsExtent {
    private(set) var isEmpty = true
    private(set) var largestRank = [Int](repeating: 0, count: 3)
    private(set) var routerRank = 0

    /// Of all parts.
    var most: Int { max(largestRank.max() ?? 0, routerRank) }

    mutating func clear() {
        (isEmpty, routerRank) = (true, 0)
        for index in largestRank.indices { largestRank[index] = 0 }
    }

    mutating func include(_ part: ExpertsPart) {
        isEmpty = false
        routerRank = max(routerRank, part.routerRank)
        for index in largestRank.indices { largestRank[index] = max(largestRank[index], part.largestRank[index]) }
    }
}
