internal import Tensors

/// The encoder's fast path: weights packed to 8 bits and int8 activations. A batch of texts is one run of the worker threads.
///
/// As in the fast decoder, phases are split by rows or by outputs and heads, with barriers between them, and a row's bits do
/// not depend on the other rows.
///
/// Isolation: the encoder calls `run` under its lock. Inside, threads write disjoint slices between barriers.
final class FastEncoder {
    private let configuration: EncoderConfiguration
    private let weights: EncoderWeights
    private let plan: EncoderPlan
    private let pool: WorkerPool
    /// At `layer * 6 + projection`.
    private let matrices: [PackedMatrix]
    private let quantized: QuantizedRows
    /// By layer: the factors of the residual stream's channels before they are quantised.
    private let attentionFactors: [FloatBuffer]
    private let feedForwardFactors: [FloatBuffer]
    /// A scaled row of each thread.
    private let scaledRow: [FloatBuffer]
    /// One of each thread.
    private let attentionScratch: [GrowingFloats]

    /// Errors: `malformed` weights that are not finite.
    init(_ files: EncoderFiles, _ weights: EncoderWeights, plan: EncoderPlan, pool: WorkerPool) throws(ModelError) {
        configuration = files.configuration
        self.weights = weights
        self.plan = plan
        self.pool = pool
        let smoothing = try EncoderSmoothing(configuration, weights)
        let layers = 0..<files.configuration.layers
        attentionFactors = layers.map { smoothing.factors($0, .attention) }
        feedForwardFactors = layers.map { smoothing.factors($0, .feedForward) }
        matrices = try Packing.pack(
            layers.flatMap { layer in
                EncoderProjection.allCases.map { projection in
                    (smoothing.smoothed(weights.layers[layer].matrices[projection.rawValue], layer, projection), nil)
                }
            }, mappedFiles: files.mappedFiles, pool: pool)
        do throws(ResourceError) {
            quantized = try QuantizedRows(
                capacityRows: plan.capacity, columns: max(configuration.hidden, configuration.feedForward),
                for: "the encoder's activations")
        } catch {
            throw ModelError(error)
        }
        attentionScratch = (0..<pool.threads).map { _ in GrowingFloats() }
        scaledRow = (0..<pool.threads).map { _ in FloatBuffer(count: files.configuration.hidden) }
    }

    /// Computes the plan's tokens; the result is its residual stream.
    func run() {
        let longest = (0..<plan.textCount).reduce(0) { max($0, plan.starts[$1 + 1] - plan.starts[$1]) }
        for scratch in attentionScratch {
            scratch.reserve(
                Kernels.bidirectionalAttentionScratch(tokens: longest, headDimension: configuration.headDimension))
        }
        pool.run { thread in
            let rows = WorkerPool.slice(plan.rows, of: thread, threads: pool.threads)
            embed(rows)
            for layer in 0..<configuration.layers {
                quantizeResidual(attentionFactors[layer], thread, rows)
                if layer == 0 { keepMeans(0, thread) }
                if layer == configuration.middleLayer { keepMeans(1, thread) }
                attention(layer, thread)
                quantize(plan.attended, rows, columns: configuration.hidden)
                multiply(layer, .output, thread, into: plan.projected)
                pool.barrier()
                addAndNorm(weights.layers[layer].attentionNorm, rows)
                quantizeResidual(feedForwardFactors[layer], thread, rows)
                feedForward(layer, thread, rows)
                addAndNorm(weights.layers[layer].outputNorm, rows)
            }
        }
    }

    /// This thread's rows of the residual stream, smoothed.
    private func quantizeResidual(_ factors: FloatBuffer, _ thread: Int, _ rows: Range<Int>) {
        let (hidden, copy) = (configuration.hidden, scaledRow[thread].pointer)
        for row in rows {
            copy.update(from: plan.residual.pointer + row * hidden, count: hidden)
            Kernels.multiply(copy, elementwise: factors.pointer, count: hidden)
            quantized.quantize(row: row, from: copy, columns: hidden)
        }
        pool.barrier()
    }

    /// This thread's texts. A barrier before it has made all rows, and no thread changes one before the next barrier.
    private func keepMeans(_ place: Int, _ thread: Int) {
        for text in WorkerPool.slice(plan.textCount, of: thread, threads: pool.threads) { plan.keepMean(text, place) }
    }

    private func embed(_ rows: Range<Int>) {
        for text in 0..<plan.textCount {
            for row in rows.clamped(to: plan.starts[text]..<plan.starts[text + 1]) {
                plan.embed(text, row, weights, configuration)
            }
        }
    }

    /// This thread's heads of all texts.
    private func attention(_ layer: Int, _ thread: Int) {
        multiply(layer, .query, thread, into: plan.query)
        multiply(layer, .key, thread, into: plan.key)
        multiply(layer, .value, thread, into: plan.value)
        pool.barrier()
        let (hidden, dimension) = (configuration.hidden, configuration.headDimension)
        let heads = WorkerPool.slice(configuration.heads, of: thread, threads: pool.threads)
        if !heads.isEmpty {
            for text in 0..<plan.textCount {
                let start = plan.starts[text] * hidden
                Kernels.bidirectionalAttention(
                    queries: plan.query.pointer + start, keys: plan.key.pointer + start,
                    values: plan.value.pointer + start, stride: hidden, tokens: plan.starts[text + 1] - plan.starts[text],
                    headRange: heads, headDimension: dimension, scale: 1 / Float(dimension).squareRoot(),
                    scratch: attentionScratch[thread].pointer, into: plan.attended.pointer + start, outputStride: hidden)
            }
        }
        pool.barrier()
    }

    private func feedForward(_ layer: Int, _ thread: Int, _ rows: Range<Int>) {
        multiply(layer, .intermediate, thread, into: plan.intermediate)
        let width = configuration.feedForward
        let outputs = WorkerPool.slice(width, of: thread, threads: pool.threads, multiple: 16)
        for row in 0..<plan.rows {
            let slice = plan.intermediate.pointer + row * width + outputs.lowerBound
            switch configuration.activation {
            case .gelu: Kernels.gelu(slice, count: outputs.count)
            case .geluTanh: Kernels.geluTanh(slice, count: outputs.count)
            }
        }
        pool.barrier()
        quantize(plan.intermediate, rows, columns: width)
        multiply(layer, .down, thread, into: plan.projected)
        pool.barrier()
    }

    /// `y = W x + b` for this thread's slice of the outputs.
    private func multiply(_ layer: Int, _ projection: EncoderProjection, _ thread: Int, into y: FloatBuffer) {
        let matrix = matrices[layer * EncoderProjection.allCases.count + projection.rawValue]
        let bias = weights.layers[layer].biases[projection.rawValue].pointer
        let outputs = WorkerPool.slice(matrix.outputs, of: thread, threads: pool.threads, multiple: 16)
        if outputs.isEmpty { return }
        matrix.multiply(quantized, rows: 0..<plan.rows, outputs: outputs, into: y.pointer, stride: matrix.outputs)
        for row in 0..<plan.rows {
            let slice = y.pointer + row * matrix.outputs + outputs.lowerBound
            Kernels.add(bias + outputs.lowerBound, to: slice, count: outputs.count)
        }
    }

    /// This thread's rows of the residual stream: the branch added, and normed.
    private func addAndNorm(_ norm: EncoderWeights.Norm, _ rows: Range<Int>) {
        let hidden = configuration.hidden
        for row in rows {
            let x = plan.residual.pointer + row * hidden
            Kernels.add(plan.projected.pointer + row * hidden, to: x, count: hidden)
            norm.apply(x, count: hidden, epsilon: configuration.normEpsilon)
        }
    }

    /// Quantises this thread's rows and waits for the others'.
    private func quantize(_ x: FloatBuffer, _ rows: Range<Int>, columns: Int) {
        for row in rows { quantized.quantize(row: row, from: x.pointer + row * columns, columns: columns) }
        pool.barrier()
    }
}
