internal import Tensors

/// One thread's part of a step. A plain value of borrowed pointers; lives inside `WorkerPool.run`.
struct FastStep {
    unowned(unsafe) let decoder: FastDecoder
    unowned(unsafe) let plan: StepPlan
    unowned(unsafe) let scratch: FastScratch
    unowned(unsafe) let cache: KeyValueCache
    unowned(unsafe) let pool: WorkerPool
    /// Where this thread writes rows' inputs: shared, or its own when each thread repeats the row phases.
    let inputs: Inputs
    /// The same of mixtures; nothing in it may be used in a step without them.
    let mixtures: Mixtures
    let thread: Int
    let threads: Int
    let rows: Int
    /// The rows of this thread in phases that are split by rows.
    let slice: Range<Int>
    /// The same for phases that every thread repeats in a step of one row.
    let inputSlice: Range<Int>
    /// `[rows, hidden]`: shared; with output norms, in a step of one row, this thread's own.
    let residual: UnsafeMutablePointer<Float>
    let scalesInputs: Bool
    let hidden: Int
    let epsilon: Float

    /// `FastScratch.Inputs` as plain pointers.
    struct Inputs {
        let normed: UnsafeMutablePointer<Float>
        let quantized: QuantizedRows.Span
        let shrunk: UnsafeMutablePointer<Float>
        let shrunkBlocks: QuantizedRows.Span
        let branchShrunk: UnsafeMutablePointer<Float>
        let scaled: (QuantizedRows.Span?, QuantizedRows.Span?, QuantizedRows.Span?)
        /// Of this thread alone.
        let scaledRow: UnsafeMutablePointer<Float>
        let residual: UnsafeMutablePointer<Float>

        init(_ inputs: FastScratch.Inputs, own: FastScratch.Inputs) {
            normed = inputs.normed.pointer
            quantized = inputs.quantized.span
            shrunk = inputs.shrunk.pointer
            shrunkBlocks = inputs.shrunkBlocks.span
            branchShrunk = inputs.branchShrunk.pointer
            scaled = (inputs.scaled[0]?.span, inputs.scaled[1]?.span, inputs.scaled[2]?.span)
            scaledRow = own.scaledRow.pointer
            residual = inputs.residual.pointer
        }
    }

    init(_ decoder: FastDecoder, _ cache: KeyValueCache, _ thread: Int) {
        self.decoder = decoder
        self.cache = cache
        self.thread = thread
        plan = decoder.plan
        scratch = decoder.scratch
        pool = decoder.pool
        threads = decoder.pool.threads
        rows = decoder.plan.rows
        slice = WorkerPool.slice(rows, of: thread, threads: threads)
        inputs = Inputs(decoder.scratch.inputs[rows == 1 ? thread : 0], own: decoder.scratch.inputs[thread])
        mixtures = Mixtures(
            decoder.scratch.mixtures, inputs: rows == 1 ? thread : 0, thread: thread, chosen: decoder.plan.mixtures.chosen)
        inputSlice = rows == 1 ? 0..<1 : slice
        let isOwn = rows == 1 && decoder.configuration.outputNorms
        residual = isOwn ? inputs.residual : decoder.scratch.residual.pointer
        scalesInputs = plan.scalesInput.contains(true)
        hidden = decoder.configuration.hidden
        epsilon = decoder.configuration.normEpsilon
    }

    /// After a row phase of inputs: nothing to wait for when every thread did all of it.
    func inputBarrier() { if rows > 1 { pool.barrier() } }

    func attention(_ layer: Int) {
        norm(
            decoder.layers[layer].attentionNorm,
            addingThrough: layer == 0 ? nil : decoder.layers[layer - 1].feedForwardOutputNorm)
        prepare(layer, FastPhase.attention, UnsafePointer(inputs.normed))
        inputBarrier()
        multiply(layer, .query, into: scratch.query.pointer)
        multiply(layer, .key, into: scratch.key.pointer)
        multiply(layer, .value, into: scratch.value.pointer)
        pool.barrier()
        rotateAndStore(layer)
        pool.barrier()
        attend(layer)
        pool.barrier()
        prepare(layer, FastPhase.output, UnsafePointer(scratch.attended.pointer))
        inputBarrier()
        multiply(layer, .output, into: scratch.projected.pointer)
        addProjectedSlice()
        pool.barrier()
    }

    func feedForward(_ layer: Int) {
        norm(decoder.layers[layer].feedForwardNorm, addingThrough: decoder.layers[layer].attentionOutputNorm)
        prepare(layer, FastPhase.feedForward, UnsafePointer(inputs.normed))
        if plan.largestBranchRank > 0 { shrinkBranches(layer) }
        inputBarrier()
        let (gate, up) = (scratch.gate.pointer, scratch.up.pointer)
        multiply(layer, .gate, into: gate)
        multiply(layer, .up, into: up)
        activate(layer)
        pool.barrier()
        prepare(layer, FastPhase.down, UnsafePointer(gate))
        inputBarrier()
        multiply(layer, .down, into: scratch.projected.pointer)
        if plan.largestBranchRank > 0 { expandBranches(layer) }
        addProjectedSlice()
        pool.barrier()
    }

    /// `gate = activation(gate) * up`
    func activate(gate: UnsafeMutablePointer<Float>, up: UnsafePointer<Float>, count: Int) {
        switch decoder.configuration.activation {
        case .silu: Kernels.siluMultiply(gate: gate, up: up, count: count, into: gate)
        case .geluTanh: Kernels.geluTanhMultiply(gate: gate, up: up, count: count, into: gate)
        }
    }

    /// Whole groups of 16, as packed matrices are cut.
    func outputSlice(_ outputs: Int) -> Range<Int> {
        WorkerPool.slice(outputs, of: thread, threads: threads, multiple: 16)
    }
}
