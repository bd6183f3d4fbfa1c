public import MergeMethods
public import Tensors

/// What a merge would take, from one tensor that was merged and thrown away.
public struct MergeTrial: Sendable {
    public let seconds: Double
    /// Of this process, apart from pages of mapped files.
    public let memoryBytes: Int
    /// The tensor's name.
    public let tensor: String
}

extension MergePlan {
    /// Elements of a tensor that a trial merges at most.
    private static let trialElements = 32 << 20

    /// Merges the largest tensor of moderate size without writing it. Errors: those of its sources and method.
    public func trial(pool: WorkerPool) throws(MergeError) -> MergeTrial {
        let whole = tensors.filter { $0.work == .merge && $0.elementCount <= Self.trialElements }
        let elements = tensors.reduce(0) { $0 + $1.elementCount * max($1.inputs.count, 1) }
        // Blocks of f32 rows, one a source and thread, one of the result, and one of its bytes.
        let widest = tensors.map { ($0.shape.last ?? 1) * ($0.inputs.count + 2) }.max() ?? 0
        let blocks = (tensors.map(\.inputs.count).max() ?? 1) + 2
        let memory = pool.threads * max(blocks << 17, widest) * 4 + (48 << 20)
        guard let tensor = whole.max(by: { $0.elementCount < $1.elementCount }) else {
            return MergeTrial(seconds: 0, memoryBytes: memory, tensor: tensors.first?.name ?? "nothing")
        }
        let start = ContinuousClock.now
        try work(tensor, seed: 0).run(pool: pool) { _, _ in }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let share = Double(elements) / Double(max(tensor.elementCount * tensor.inputs.count, 1))
        return MergeTrial(seconds: seconds * share, memoryBytes: memory, tensor: tensor.name)
    }
}
