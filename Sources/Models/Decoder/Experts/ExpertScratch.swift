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
        /// `[entries, rank]` of adapters' gate, up and down: see `shrunkOffset`; of matrices that are not int8.
        fileprivate(set) var shrunk = GrowingMemory<Float>()
        /// The same of int8 matrices, in blocks of 32 ranks.
        fileprivate(set) var shrunkBlocks = QuantizedRows(capacityRows: 0, columns: 0)
    }

    /// Of one thread.
    final class Own {
        /// `[experts]`: a row's probabilities, and the same to choose from.
        fileprivate(set) var probabilities = GrowingMemory<Float>()
        fileprivate(set) var remaining = GrowingMemory<Float>()
        /// `[experts + 1]`: where each expert's sorted entries begin.
        fileprivate(set) var starts = GrowingMemory<Int32>()
        /// By sorted entry: its row and its number. By entry: its place among the sorted ones.
        fileprivate(set) var rows = GrowingMemory<Int32>()
        fileprivate(set) var entries = GrowingMemory<Int32>()
        fileprivate(set) var places = GrowingMemory<Int32>()
        /// `[rank]` of an adapter's router.
        fileprivate(set) var routerShrunk = GrowingMemory<Float>()
    }

    let shared: [Shared]
    let own: [Own]
    /// `[entries, feedForward]` and `[entries, hidden]`, in the order of the sorted entries.
    private(set) var gate = GrowingMemory<Float>()
    private(set) var up = GrowingMemory<Float>()
    private(set) var down = GrowingMemory<Float>()
    /// Where the ranks of gate, up and down begin in an entry of `shrunk`, multiples of 32; and the floats of an entry.
    private(set) var shrunkOffset = InlineArray<3, Int>(repeating: 0)
    private(set) var shrunkStride = 0

    init(threads: Int) {
        shared = (0..<threads).map { _ in Shared() }
        own = (0..<threads).map { _ in Own() }
    }

    /// Makes room for a plan's rows.
    func prepare(_ plan: RowPlan, _ configuration: DecoderConfiguration) {
        guard let experts = configuration.experts else { return }
        let entries = plan.rows * experts.chosen
        let extent = plan.extent.experts
        shrunkStride = 0
        for (part, rank) in extent.largestRank.enumerated() {
            shrunkOffset[part] = shrunkStride
            shrunkStride += (rank + 31) / 32 * 32
        }
        for (thread, memory) in shared.enumerated() where thread == 0 || plan.rows == 1 {
            memory.experts.reserve(entries)
            memory.weights.reserve(entries)
            if !extent.isEmpty {
                memory.shrunk.reserve(entries * shrunkStride)
                grow(&memory.shrunkBlocks, rows: entries)
            }
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
            memory.entries.reserve(entries)
            memory.places.reserve(entries)
            memory.routerShrunk.reserve(extent.routerRank)
        }
        gate.reserve(entries * configuration.feedForward)
        up.reserve(entries * configuration.feedForward)
        down.reserve(entries * configuration.hidden)
    }

    private func grow(_ blocks: inout QuantizedRows, rows: Int) {
        guard blocks.capacityRows < rows || blocks.columns < shrunkStride else { return }
        let more = blocks.capacityRows < rows ? max(rows, 2 * blocks.capacityRows) : blocks.capacityRows
        blocks = QuantizedRows(capacityRows: more, columns: max(shrunkStride, blocks.columns))
    }
}
