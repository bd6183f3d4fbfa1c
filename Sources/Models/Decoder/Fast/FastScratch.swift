internal import Tensors

private let purpose = "a step's activations"

/// The memory of a fast step, reused from step to step.
///
/// Isolation: the workspace's owner sizes it before a run. Inside the run, slices belong to threads between barriers.
final class FastScratch {
    /// The outputs of the row phases. The threads share them, or each thread has its own in a step of one row.
    final class Inputs {
        /// `[rows, hidden]`, after the norm.
        let normed: FloatBuffer
        let quantized: QuantizedRows
        /// `[rows, rank]` of all projections of a phase: see `FastScratch.shrunkOffset`.
        let shrunk = GrowingFloats()
        /// `shrunk` of int8 adapters, in blocks of 32 ranks.
        fileprivate(set) var shrunkBlocks: QuantizedRows
        /// `[rows, rank]` of the branches beside the feed-forward.
        let branchShrunk = GrowingFloats()
        /// By a projection's place in its phase: an input of its own, where an adapter scales it.
        fileprivate(set) var scaled: [QuantizedRows?] = [nil, nil, nil]
        let scaledRow: FloatBuffer
        /// `[hidden]`: the residual stream of a step of one row, in families where every thread adds to a stream of its own.
        let residual: FloatBuffer

        fileprivate init(rows: Int, hidden: Int, widest: Int) throws(ResourceError) {
            normed = try FloatBuffer(rows * hidden, for: purpose)
            quantized = try QuantizedRows(capacityRows: rows, columns: widest, for: purpose)
            scaledRow = FloatBuffer(count: widest)
            residual = FloatBuffer(count: hidden)
            shrunkBlocks = QuantizedRows(capacityRows: rows, columns: 0)
        }
    }

    // [rows, width] each
    let residual: FloatBuffer
    let query: FloatBuffer
    let key: FloatBuffer
    let value: FloatBuffer
    let attended: FloatBuffer
    let projected: FloatBuffer
    let gate: FloatBuffer
    let up: FloatBuffer
    /// One of each thread; `[0]` has room for all rows, the others for one.
    let inputs: [Inputs]
    let mixtures: MixtureScratch
    let experts: ExpertScratch
    /// One of each thread.
    let attention: [GrowingFloats]
    /// One of each thread, with room for the ranges of all bands of a full plan.
    private let fetches: [UnsafeMutablePointer<Kernels.Fetch.Range>]
    /// At `projection`: where its ranks begin in a row of `shrunk`, a multiple of 32.
    let shrunkOffset: UnsafeMutablePointer<Int>
    /// At `projection`: floats of a row of `shrunk` in its phase.
    let shrunkStride: UnsafeMutablePointer<Int>
    /// The same of the head, whose ranks begin a row.
    private(set) var headStride = 0
    private let widest: Int
    private let configuration: DecoderConfiguration

    /// Room for the plan's capacity and each thread.
    init(plan: RowPlan, configuration: DecoderConfiguration, threads: Int) throws(ResourceError) {
        func rows(_ width: Int) throws(ResourceError) -> FloatBuffer { try FloatBuffer(plan.capacity * width, for: purpose) }
        let widest = max(configuration.hidden, configuration.queryWidth, configuration.feedForward)
        self.widest = widest
        self.configuration = configuration
        residual = try rows(configuration.hidden)
        query = try rows(configuration.queryWidth)
        key = try rows(configuration.keyValueWidth)
        value = try rows(configuration.keyValueWidth)
        attended = try rows(configuration.queryWidth)
        projected = try rows(configuration.hidden)
        gate = try rows(configuration.feedForward)
        up = try rows(configuration.feedForward)
        inputs = try (0..<threads).map { thread throws(ResourceError) in
            try Inputs(rows: thread == 0 ? plan.capacity : 1, hidden: configuration.hidden, widest: widest)
        }
        mixtures = MixtureScratch(threads: threads)
        experts = ExpertScratch(threads: threads)
        attention = (0..<threads).map { _ in GrowingFloats() }
        fetches = (0..<threads).map { _ in .allocate(capacity: plan.capacity * FastStep.fetchesPerBand) }
        shrunkOffset = .allocate(capacity: Projection.count)
        shrunkStride = .allocate(capacity: Projection.count)
    }

    deinit {
        for list in fetches { list.deallocate() }
        shrunkOffset.deallocate()
        shrunkStride.deallocate()
    }

    /// One thread's memory as plain pointers, which loops read without counting references. Valid until `prepare`.
    struct View {
        let query: UnsafeMutablePointer<Float>
        let key: UnsafeMutablePointer<Float>
        let value: UnsafeMutablePointer<Float>
        let attended: UnsafeMutablePointer<Float>
        let projected: UnsafeMutablePointer<Float>
        let gate: UnsafeMutablePointer<Float>
        let up: UnsafeMutablePointer<Float>
        /// Of this thread.
        let attention: UnsafeMutablePointer<Float>
        let shrunkOffset: UnsafePointer<Int>
        let shrunkStride: UnsafePointer<Int>
        let headStride: Int
        /// Of this thread.
        let fetches: UnsafeMutablePointer<Kernels.Fetch.Range>

        init(_ scratch: FastScratch, thread: Int) {
            query = scratch.query.pointer
            key = scratch.key.pointer
            value = scratch.value.pointer
            attended = scratch.attended.pointer
            projected = scratch.projected.pointer
            gate = scratch.gate.pointer
            up = scratch.up.pointer
            attention = scratch.attention[thread].pointer
            shrunkOffset = UnsafePointer(scratch.shrunkOffset)
            shrunkStride = UnsafePointer(scratch.shrunkStride)
            headStride = scratch.headStride
            fetches = scratch.fetches[thread]
        }
    }

    /// Makes room for the plan's ranks, scaled inputs, mixtures and reach.
    func prepare(_ plan: RowPlan) {
        mixtures.prepare(plan, configuration)
        experts.prepare(plan, configuration)
        for buffer in attention { buffer.reserve(Kernels.attentionScratch(positions: plan.reach, headDimension: configuration.headDimension)) }
        var widestShrunk = 0
        for phase in FastPhase.all {
            var offset = 0
            for projection in phase {
                shrunkOffset[projection] = offset
                offset += (plan.extent.linear.largestRank[projection] + 31) / 32 * 32
            }
            for projection in phase { shrunkStride[projection] = offset }
            widestShrunk = max(widestShrunk, offset)
        }
        headStride = (plan.extent.vocabulary.headRank + 31) / 32 * 32
        widestShrunk = max(widestShrunk, headStride)
        for (thread, own) in inputs.enumerated() where thread == 0 || plan.rows == 1 {
            own.shrunk.reserve(plan.rows * widestShrunk)
            own.branchShrunk.reserve(plan.rows * plan.extent.branches.largestRank)
            if own.shrunkBlocks.columns < widestShrunk {
                own.shrunkBlocks = QuantizedRows(capacityRows: own.shrunkBlocks.capacityRows, columns: widestShrunk)
            }
            for phase in FastPhase.all {
                for projection in phase where plan.extent.linear.scalesInput[projection] {
                    let place = projection - phase.lowerBound
                    if own.scaled[place] == nil {
                        own.scaled[place] = QuantizedRows(capacityRows: thread == 0 ? plan.capacity : 1, columns: widest)
                    }
                }
            }
        }
    }
}
