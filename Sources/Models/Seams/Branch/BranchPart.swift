/// Low-rank maps beside the feed-forward, layer by layer: what memory experts add.
///
/// `@unchecked Sendable`: the flat table is filled in `init` and only read after. It points into matrices that `branches` keeps alive.
final class BranchPart: SeamPart, @unchecked Sendable {
    /// By layer.
    let branches: [LowRank?]
    /// The same for inner loops.
    let entries: UnsafePointer<PatchEntry>
    let largestRank: Int
    let byteCount: Int
    var hasInt8: Bool { false }
    var isLowRank: Bool { false }
    private let memory: UnsafeMutablePointer<PatchEntry>

    /// By layer, or empty. Nil: there is none.
    init?(layers: Int, _ branches: [LowRank?]) {
        precondition(branches.isEmpty || branches.count == layers, "\(branches.count) branches for \(layers) layers")
        precondition(branches.allSatisfy { $0?.element != .int8 }, "a branch is int8, expected f32 or bf16")
        guard branches.contains(where: { $0 != nil }) else { return nil }
        self.branches = branches
        largestRank = branches.reduce(0) { max($0, $1?.rank ?? 0) }
        byteCount = branches.reduce(0) { $0 + ($1?.byteCount ?? 0) }
        memory = .allocate(capacity: layers)
        for (layer, branch) in branches.enumerated() {
            (memory + layer).initialize(to: PatchEntry(LinearPatch(lowRank: branch)))
        }
        entries = UnsafePointer(memory)
    }

    deinit { memory.deallocate() }

    func fits(_ configuration: DecoderConfiguration) -> Bool {
        branches.allSatisfy { $0 == nil || ($0?.inputs == configuration.hidden && $0?.outputs == configuration.hidden) }
    }

    func validate(for configuration: DecoderConfiguration) throws(ModelError) {
        for (layer, branch) in branches.enumerated() {
            try branch?.validate("layers.\(layer).mlp", (configuration.hidden, configuration.hidden))
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
