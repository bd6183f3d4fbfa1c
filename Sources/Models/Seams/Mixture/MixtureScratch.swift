internal import Tensors

/// The memory of a fast step's mixtures, reused from step to step. A row that chooses at most `chosen` experts has as many places; its
/// `k`-th expert is at place `row * chosen + k`. Such a pair of row and expert is an *entry*.
///
/// Isolation: the workspace's owner sizes it before a run. Inside the run, slices belong to threads between barriers.
final class MixtureScratch {
    /// The outputs of the row phases. The threads share them, or each thread has its own in a step of one row.
    final class Inputs {
        /// Of each router of a phase and its rows, `[routers, rows, chosen]`; the feed-forward's router is the last.
        fileprivate(set) var experts = GrowingMemory<Int32>()
        let weights = GrowingFloats()
        /// How many were chosen, `[routers, rows]`.
        fileprivate(set) var counts = GrowingMemory<Int32>()
        /// `[entries, rank]` of all projections of a phase: see `offset`; of experts that are not int8.
        let shrunk = GrowingFloats()
        /// The same of int8 experts, in blocks of 32 ranks.
        fileprivate(set) var shrunkBlocks = QuantizedRows(capacityRows: 0, columns: 0)
        /// `[entries, feedForward]`: what experts of a feed-forward give to down.
        fileprivate(set) var activated = QuantizedRows(capacityRows: 0, columns: 0)
    }

    /// Memory of one thread.
    final class Own {
        /// Of one row: `[experts]`.
        let probabilities = GrowingFloats()
        /// Where each expert's entries begin in `entries`: `[experts + 1]`.
        fileprivate(set) var starts = GrowingMemory<Int32>()
        /// Entries sorted by their experts, and the rows that they are of.
        fileprivate(set) var entries = GrowingMemory<Int32>()
        fileprivate(set) var rows = GrowingMemory<Int32>()
        /// `[pieceEntries, feedForward]`
        let up = GrowingFloats()
    }

    /// Entries of an expert whose up projection is in memory at once.
    static let pieceEntries = 16
    /// Routers whose choices a phase keeps, and the feed-forward's.
    static let routers = 4
    static let feedForwardRouter = 3

    /// One of each thread; `[0]` has room for all rows, the others for one.
    let inputs: [Inputs]
    let own: [Own]
    /// `[entries, feedForward]`: gates of experts, then what they give to down.
    let gate = GrowingFloats()
    /// `[entries, hidden]`: of experts that scale it.
    let down = GrowingFloats()
    /// At `projection`: where its ranks begin in an entry of `shrunk`, a multiple of 32.
    let offset: UnsafeMutablePointer<Int>
    /// Floats of an entry of `shrunk`, in every phase.
    private(set) var stride = 0

    init(threads: Int) {
        inputs = (0..<threads).map { _ in Inputs() }
        own = (0..<threads).map { _ in Own() }
        offset = .allocate(capacity: Projection.count)
    }

    deinit { offset.deallocate() }

    /// Makes room for the plan's mixtures.
    func prepare(_ plan: RowPlan, _ configuration: DecoderConfiguration) {
        let extent = plan.extent.mixtures
        if extent.isEmpty { return }
        stride = 0
        for phase in FastPhase.all {
            var end = 0
            for projection in phase {
                offset[projection] = end
                end += (extent.largestRank[projection] + 31) / 32 * 32
            }
            stride = max(stride, end)
        }
        let entries = plan.rows * extent.chosen
        for (thread, memory) in inputs.enumerated() where thread == 0 || plan.rows == 1 {
            memory.experts.reserve(Self.routers * entries)
            memory.weights.reserve(Self.routers * entries)
            memory.counts.reserve(Self.routers * plan.rows)
            memory.shrunk.reserve(entries * stride)
            Self.grow(&memory.shrunkBlocks, rows: entries, columns: stride)
            if extent.mixesFeedForward { Self.grow(&memory.activated, rows: entries, columns: configuration.feedForward) }
        }
        for memory in own {
            memory.probabilities.reserve(extent.experts)
            memory.starts.reserve(extent.experts + 1)
            memory.entries.reserve(entries)
            memory.rows.reserve(entries)
            if extent.mixesFeedForward { memory.up.reserve(Self.pieceEntries * configuration.feedForward) }
        }
        if extent.mixesFeedForward { gate.reserve(entries * configuration.feedForward) }
        if extent.finishesDown { down.reserve(entries * configuration.hidden) }
    }

    private static func grow(_ buffer: inout QuantizedRows, rows: Int, columns: Int) {
        guard buffer.capacityRows < rows || buffer.columns < columns else { return }
        let more = buffer.capacityRows < rows ? max(rows, 2 * buffer.capacityRows) : buffer.capacityRows
        buffer = QuantizedRows(capacityRows: more, columns: max(columns, buffer.columns))
    }
}

/// Memory of plain elements that is reused from step to step and grows to the largest step.
struct GrowingMemory<Element: BitwiseCopyable>: ~Copyable {
    private(set) var pointer: UnsafeMutablePointer<Element>
    private var capacity: Int

    init() { (pointer, capacity) = (.allocate(capacity: 1), 1) }

    deinit { pointer.deallocate() }

    /// The content is lost when it grows.
    mutating func reserve(_ count: Int) {
        guard count > capacity else { return }
        pointer.deallocate()
        capacity = max(count, 2 * capacity)
        pointer = .allocate(capacity: capacity)
    }
}
