internal import Tensors

/// One thread's part of a step. A plain value of borrowed pointers; lives inside `WorkerPool.run`.
struct FastStep {
    /// For `embed` only: the loops over layers read the plain values below, as a reference that is counted by several threads
    /// costs each of them the other's cache line.
    unowned(unsafe) let decoder: FastDecoder
    let shape: FastShape
    let layers: UnsafePointer<FastDecoder.Layer>
    /// At `layer * 7 + projection`.
    let linears: UnsafePointer<FastDecoder.Linear>
    let headWeights: PackedMatrix.Span
    let finalNorm: UnsafePointer<Float>
    let plan: StepPlan.View
    let scratch: FastScratch.View
    let cache: KeyValueCache.Span
    let barrier: WorkerPool.Barrier
    /// Where this thread writes rows' inputs: shared, or its own when each thread repeats the row phases.
    let inputs: Inputs
    /// The same of mixtures; nothing in it may be used in a step without them.
    let mixtures: Mixtures
    let thread: Int
    let threads: Int
    let rows: Int
    /// The heads that this thread turns and stores: those that it makes in a step of one row, else all, of its rows.
    let headShare: HeadShare
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
        self.cache = cache.span
        self.thread = thread
        shape = FastShape(decoder.configuration)
        layers = UnsafePointer(decoder.layers)
        linears = UnsafePointer(decoder.linears)
        headWeights = decoder.headWeights
        finalNorm = decoder.finalNorm
        plan = StepPlan.View(decoder.plan)
        scratch = FastScratch.View(decoder.scratch, thread: thread)
        barrier = decoder.pool.barrierFunction
        threads = decoder.pool.threads
        rows = plan.rows
        headShare = rows == 1 ? HeadShare(shape, thread: thread, threads: threads) : HeadShare(shape, thread: 0, threads: 1)
        slice = WorkerPool.slice(rows, of: thread, threads: threads)
        inputs = Inputs(decoder.scratch.inputs[rows == 1 ? thread : 0], own: decoder.scratch.inputs[thread])
        mixtures = Mixtures(
            decoder.scratch.mixtures, inputs: rows == 1 ? thread : 0, thread: thread, chosen: plan.chosen)
        inputSlice = rows == 1 ? 0..<1 : slice
        let isOwn = rows == 1 && shape.outputNorms
        residual = isOwn ? inputs.residual : decoder.scratch.residual.pointer
        scalesInputs = plan.scalesInputs
        hidden = shape.hidden
        epsilon = shape.normEpsilon
    }

    /// After a row phase of inputs: nothing to wait for when every thread did all of it.
    func inputBarrier() { if rows > 1 { barrier() } }

    func attention(_ layer: Int) {
        norm(
            layers[layer].attentionNorm,
            addingThrough: layer == 0 ? nil : layers[layer - 1].feedForwardOutputNorm)
        adapt(layer, FastPhase.attention, UnsafePointer(inputs.normed))
        inputBarrier()
        projectHeads(layer)
        barrier()
        attend(layer)
        barrier()
        quantize(UnsafePointer(scratch.attended), width: shape.queryWidth)
        adapt(layer, FastPhase.output, UnsafePointer(scratch.attended))
        inputBarrier()
        multiply(layer, .output, into: scratch.projected)
        addProjectedSlice()
        barrier()
    }

    func feedForward(_ layer: Int) {
        norm(layers[layer].feedForwardNorm, addingThrough: layers[layer].attentionOutputNorm)
        adapt(layer, FastPhase.feedForward, UnsafePointer(inputs.normed))
        if plan.largestBranchRank > 0 { shrinkBranches(layer) }
        inputBarrier()
        let (gate, up) = (scratch.gate, scratch.up)
        multiply(layer, .gate, into: gate)
        multiply(layer, .up, into: up)
        activate(layer)
        barrier()
        quantize(UnsafePointer(gate), width: shape.feedForward)
        adapt(layer, FastPhase.down, UnsafePointer(gate))
        inputBarrier()
        multiply(layer, .down, into: scratch.projected)
        if plan.largestBranchRank > 0 { expandBranches(layer) }
        addProjectedSlice()
        barrier()
    }

    /// `gate = activation(gate) * up`
    func activate(gate: UnsafeMutablePointer<Float>, up: UnsafePointer<Float>, count: Int) {
        switch shape.activation {
        case .silu: Kernels.siluMultiply(gate: gate, up: up, count: count, into: gate)
        case .geluTanh: Kernels.geluTanhMultiply(gate: gate, up: up, count: count, into: gate)
        }
    }

    /// This thread's outputs of a projection of a layer.
    func outputs(of projection: Projection, _ count: Int) -> Range<Int> {
        if rows > 1 { return outputSlice(count) }
        return switch projection {
        case .query: headShare.outputs(headShare.queries)
        case .key: headShare.outputs(headShare.keys)
        case .value: headShare.outputs(headShare.values)
        case .output, .gate, .up, .down: outputSlice(count)
        }
    }

    /// Whole groups of 16, as packed matrices are cut.
    func outputSlice(_ outputs: Int) -> Range<Int> {
        WorkerPool.slice(outputs, of: thread, threads: threads, multiple: 16)
    }
}
