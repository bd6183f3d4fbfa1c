internal import Tensors

/// Low-rank maps beside the feed-forward, layer by layer: what memory experts add.
///
/// `@unchecked Sendable`: the flat table is filled in `init` and only read after. It points into matrices that `branches` keeps alive.
final class BranchPart: SeamPart, @unchecked Sendable {
    /// By layer.
    let branches: [BranchPatch?]
    /// The same for inner loops.
    let entries: UnsafePointer<BranchEntry>
    let largestRank: Int
    let byteCount: Int
    var hasInt8: Bool { false }
    var isLowRank: Bool { false }
    private let memory: UnsafeMutablePointer<BranchEntry>
    /// By layer: offsets times the scale.
    private let scaledOffsets: [FloatBuffer?]

    /// By layer, or empty. Nil: there is none.
    init?(layers: Int, _ branches: [BranchPatch?]) {
        precondition(branches.isEmpty || branches.count == layers, "\(branches.count) branches for \(layers) layers")
        precondition(branches.allSatisfy { $0?.lowRank.element != .int8 }, "a branch is int8, expected f32 or bf16")
        guard branches.contains(where: { $0 != nil }) else { return nil }
        self.branches = branches
        largestRank = branches.reduce(0) { max($0, $1?.rank ?? 0) }
        byteCount = branches.reduce(0) { $0 + ($1?.byteCount ?? 0) }
        scaledOffsets = branches.map { branch in
            guard let branch, let offsets = branch.offsets else { return nil }
            return FloatBuffer((0..<offsets.count).map { offsets.pointer[$0] * branch.lowRank.scale })
        }
        memory = .allocate(capacity: layers)
        for (layer, branch) in branches.enumerated() {
            let offsets = (scaledOffsets[layer]?.pointer).map { UnsafePointer($0) }
            (memory + layer).initialize(to: BranchEntry(patch: PatchEntry(LinearPatch(lowRank: branch?.lowRank)), offsets: offsets))
        }
        entries = UnsafePointer(memory)
    }

    deinit { memory.deallocate() }

    func fits(_ configuration: DecoderConfiguration) -> Bool {
        branches.allSatisfy { branch in
            guard let branch else { return true }
            return branch.lowRank.inputs == configuration.hidden && branch.lowRank.outputs == configuration.hidden
                && branch.offsets?.count ?? branch.rank == branch.rank
        }
    }

    func validate(for configuration: DecoderConfiguration) throws(ModelError) {
        for (layer, branch) in branches.enumerated() {
            try branch?.validate("layers.\(layer).mlp", hidden: configuration.hidden)
        }
    }
}

/// The most that branches of a plan's rows need.
struct BranchExtent {
    /// 0: no band has a branch.
    private(set) var largestRank = 0

    mutating func clear() { largestRank = 0 }
    mutating func include(_ part: BranchPart) { largestRank = max(largestRank, part.largestRank) }
}
