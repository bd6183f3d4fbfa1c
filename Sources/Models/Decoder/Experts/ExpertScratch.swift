internal import Tensors

/// The memory of a base's mixtures in a fast step, reused from step to step. An entry is a row with one of its experts; a row's entries
/// lie one after the other, in the order of the experts' numbers.
///
/// Isolation: the workspace's owner sizes it before a run. Inside the run, slices belong to threads between barriers.
final class ExpertScratch {
    /// What each thread has of its own in a step of one row, and all share in others.
    final class Shared {
        /// By entry: the number of the expert, and its weight.
        fileprivate(set) var experts = GrowingMemory<Int32>()
        fileprivate(set) var weights = GrowingMemory<Float>()
        /// `[entries, feedForward]`, in the order of the sorted entries.
        fileprivate(set) var activated = QuantizedRows(capacityRows: 0, columns: 0)
    }

    /// Of one thread.
    final class Own {
        /// `[experts]`: a row's probabilities, and the same to choose from.
        fileprivate(set) var probabilities = GrowingMemory<Float>()
        fileprivate(set) var remaining = GrowingMemory<Float>()
        /// `[experts + 1]`: where each expert's sorted entries begin.
        fileprivate(set) var starts = GrowingMemory<Int32>()
        /// By sorted entry: its row. By entry: its place among the sorted ones.
        fileprivate(set) var rows = GrowingMemory<Int32>()
        fileprivate(set) var places = GrowingMemory<Int32>()
    }

    let shared: [Shared]
    let own: [Own]
    /// `[entries, feedForward]` and `[entries, hidden]`, in the order of the sorted entries.
    private(set) var gate = GrowingMemory<Float>()
    private(set) var up = GrowingMemory<Float>()
    private(set) var down = GrowingMemory<Float>()

    init(threads: Int) {
        shared = (0..<threads).map { _ in Shared() }
        own = (0..<threads).map { _ in Own() }
    }

    /// Makes room for a plan's rows.
    func prepare(_ plan: RowPlan, _ configuration: DecoderConfiguration) {
        guard let experts = configuration.experts else { return }
        let entries = plan.rows * experts.chosen
        for (thread, memory) in shared.enumerated() where thread == 0 || plan.rows == 1 {
            memory.experts.reserve(entries)
            memory.weights.reserve(entries)
            if memory.activated.capacityRows < entries {
                memory.activated = QuantizedRows(
                    capacityRows: max(entries, 2 * memory.activated.capacityRows), columns: configuration.feedForward)
            }
        }
        for memory in own {
            memory.probabilities.reserve(experts.count)
            memory.remaining.reserve(experts.count)
            memory.starts.reserve(experts.count + 1)
            memory.rows.reserve(entries)
            memory.places.reserve(entries)
        }
        gate.reserve(entries * configuration.feedForward)
        up.reserve(entries * configuration.feedForward)
        down.reserve(entries * configuration.hidden)
    }
}
