internal import Tensors

/// One thread's part of a step. A plain value of borrowed pointers; lives inside `WorkerPool.run`.
struct FastStep {
    /// For `embed` only. The loops over layers read the plain values below: when several threads count one reference, its cache line
    /// moves between them.
    unowned(unsafe) let decoder: FastDecoder
    let shape: FastShape
    let layers: UnsafePointer<FastDecoder.Layer>
    let linears: LinearEntries<FastDecoder.Linear>
    let headWeights: PackedMatrix.View
    let finalNorm: UnsafePointer<Float>
    let plan: RowPlan.View
    let scratch: FastScratch.View
    let cache: KeyValueCache.View
    private let poolBarrier: WorkerPool.Barrier
    /// Nil: steps are not measured.
    private let profile: UnsafeMutablePointer<StepProfile.Lane>?
    /// Where this thread writes rows' inputs: shared, or its own when each thread repeats the row phases.
    let inputs: Inputs
    /// As `inputs`, of mixtures; not to be used in a step without them.
    let mixtures: Mixtures
    /// Nil: each layer has one feed-forward. `experts` is not to be used then.
    let baseExperts: BaseExperts?
    let experts: Experts
    let thread: Int
    let threads: Int
    /// Between phases the threads of a background pool wait for the foreground.
    let givesWay: Bool
    let rows: Int
    /// In a step of one row each thread rotates and stores the heads that it made, and no thread needs another's. False where a norm goes
    /// over all heads.
    let sharesHeads: Bool
    /// The heads that this thread rotates and stores: those that it made, or all heads of its rows.
    let headShare: HeadShare
    /// The rows of this thread in phases that are split by rows.
    let slice: Range<Int>
    /// The same for phases that every thread repeats in a step of one row: that row.
    let inputSlice: Range<Int>
    /// `[rows, hidden]`: shared by the threads, or this thread's own in a step of one row with output norms.
    let residual: UnsafeMutablePointer<Float>
    let scalesInputs: Bool
    let hidden: Int
    let epsilon: Float

    /// `FastScratch.Inputs` as plain pointers.
    struct Inputs {
        let normed: UnsafeMutablePointer<Float>
        let quantized: QuantizedRows.View
        let shrunk: UnsafeMutablePointer<Float>
        let shrunkBlocks: QuantizedRows.View
        let branchShrunk: UnsafeMutablePointer<Float>
        let scaled: (QuantizedRows.View?, QuantizedRows.View?, QuantizedRows.View?)
        /// Of this thread alone.
        let scaledRow: UnsafeMutablePointer<Float>
        let residual: UnsafeMutablePointer<Float>

        init(_ inputs: FastScratch.Inputs, own: FastScratch.Inputs) {
            normed = inputs.normed.pointer
            quantized = inputs.quantized.view
            shrunk = inputs.shrunk.pointer
            shrunkBlocks = inputs.shrunkBlocks.view
            branchShrunk = inputs.branchShrunk.pointer
            scaled = (inputs.scaled[0]?.view, inputs.scaled[1]?.view, inputs.scaled[2]?.view)
            scaledRow = own.scaledRow.pointer
            residual = inputs.residual.pointer
        }
    }

    init(_ decoder: FastDecoder, _ cache: KeyValueCache, _ thread: Int) {
        self.decoder = decoder
        self.cache = cache.view
        self.thread = thread
        shape = FastShape(decoder.configuration)
        layers = UnsafePointer(decoder.layers)
        linears = decoder.linears
        headWeights = decoder.weights.head.view
        finalNorm = UnsafePointer(decoder.weights.vectors.finalNorm.pointer)
        plan = RowPlan.View(decoder.plan)
        scratch = FastScratch.View(decoder.scratch, thread: thread)
        poolBarrier = decoder.pool.barrierFunction
        profile = decoder.profile?.start(thread: thread)
        threads = decoder.pool.threads
        givesWay = decoder.pool.isBackground
        rows = plan.rows
        sharesHeads = rows == 1 && !shape.normsWholeHeads
        headShare = sharesHeads ? HeadShare(shape, thread: thread, threads: threads) : HeadShare(shape, thread: 0, threads: 1)
        slice = WorkerPool.slice(rows, of: thread, threads: threads)
        inputs = Inputs(decoder.scratch.inputs[rows == 1 ? thread : 0], own: decoder.scratch.inputs[thread])
        mixtures = Mixtures(
            decoder.scratch.mixtures, inputs: rows == 1 ? thread : 0, thread: thread, chosen: plan.chosen)
        baseExperts = decoder.experts?.view
        experts = Experts(decoder.scratch.experts, inputs: rows == 1 ? thread : 0, thread: thread)
        inputSlice = rows == 1 ? 0..<1 : slice
        let isOwn = rows == 1 && shape.outputNorms
        residual = isOwn ? inputs.residual : decoder.scratch.residual.pointer
        scalesInputs = plan.scalesInputs
        hidden = shape.hidden
        epsilon = shape.normEpsilon
    }

    // MARK: The layer loop. Adapters act in `shrink`, `expand` (inside `multiply`) and `activate`: see `FastStep+Seams`; and in `embed` and
    // `head`.

    /// This thread's part of all layers.
    func run(logits: LogitRows) {
        for layer in begin()..<shape.layers {
            if givesWay { decoder.pool.giveWay() }
            attention(layer)
            if givesWay { decoder.pool.giveWay() }
            feedForward(layer, addingThrough: layers[layer].attentionOutputNorm)
        }
        head(logits)
    }

    /// Fills the residual stream; returns the first layer to run whole.
    private func begin() -> Int {
        guard let entry = plan.entry else {
            embed()
            return 0
        }
        enter(entry)
        feedForward(entry.layer, addingThrough: nil)
        return entry.layer + 1
    }

    /// `x += Wo attention(rope(Wq n), rope(Wk n), Wv n)` for `n = rmsNorm(x)`. In families with output norms, the next `norm` or
    /// `head` makes the sum.
    private func attention(_ layer: Int) {
        norm(
            layers[layer].attentionNorm, addingThrough: layer == 0 ? nil : layers[layer - 1].feedForwardOutputNorm,
            places: (NormPlace(layer, .attention), NormPlace(max(layer - 1, 0), .feedForwardOutput)))
        shrink(layer, FastPhase.queryKeyValue, UnsafePointer(inputs.normed))
        inputBarrier(after: .adapters)
        projectHeads(layer)
        barrier(after: .heads)
        attend(layer)
        barrier(after: .attention)
        quantize(UnsafePointer(scratch.attended), width: shape.queryWidth)
        shrink(layer, FastPhase.output, UnsafePointer(scratch.attended))
        inputBarrier(after: .adapters)
        multiply(layer, .output, into: scratch.projected)
        addProjectedSlice()
        barrier(after: .rows)
    }

    /// `x += Wdown (activation(Wgate n) * Wup n)` for `n = rmsNorm(x)`
    ///
    /// - Parameter outputNorm: through which the attention's output is still to be added.
    private func feedForward(_ layer: Int, addingThrough outputNorm: UnsafePointer<Float>?) {
        norm(
            layers[layer].feedForwardNorm, addingThrough: outputNorm,
            places: (NormPlace(layer, .feedForward), NormPlace(layer, .attentionOutput)))
        shrink(layer, FastPhase.feedForward, UnsafePointer(inputs.normed))
        if let baseExperts {
            multiplyExperts(baseExperts, layer)
        } else {
            inputBarrier(after: .adapters)
            multiply(layer, .gate, into: scratch.gate)
            multiply(layer, .up, into: scratch.up)
            activate(layer)
            barrier(after: .rows)
            quantize(UnsafePointer(scratch.gate), width: shape.feedForward)
            shrink(layer, FastPhase.down, UnsafePointer(scratch.gate))
            inputBarrier(after: .adapters)
            multiply(layer, .down, into: scratch.projected)
        }
        if let trace = plan.feedForwardTrace, trace.layer == layer {
            trace.record(rows, outputSlice(hidden), input: inputs.normed, residual: residual, output: scratch.projected)
        }
        addProjectedSlice()
        barrier(after: .rows)
    }

    // MARK: Barriers and shares

    /// After a row phase whose results every thread needs. In a step of one row every thread made all of them: nothing to wait for.
    func inputBarrier(after phase: StepPhase) { if rows > 1 { barrier(after: phase) } else { end(phase) } }

    /// Returns when all threads have ended `phase`.
    func barrier(after phase: StepPhase) {
        end(phase)
        poolBarrier()
        end(.waiting)
    }

    /// What this thread did last was `phase`.
    @inline(__always)
    func end(_ phase: StepPhase) { profile?.pointee.end(phase) }

    /// This thread's outputs of a projection of a layer.
    func outputs(of projection: Projection, _ count: Int) -> Range<Int> {
        if !sharesHeads { return outputSlice(count) }
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
