internal import Tensors

/// Products with the base's frozen matrices, forward and backward, of all rows of a step. The weights stay as they are in memory.
///
/// Forward: the fast path multiplies int8 activations with the packed weights, the reference path f32 with dequantised ones. Backward:
/// `dX = G W` in f32 on both; rows of W are dequantised in blocks. With int8 activations that gradient passes straight through the
/// rounding.
final class BaseProduct {
    private let weights: DecoderWeights
    private let pool: WorkerPool
    private let quantized: QuantizedRows
    private let reference = ReferenceMatrix()
    /// Two blocks of dequantised rows: one is filled while the other is multiplied.
    private let blocks: [FloatBuffer]

    private static let blockRows = 128

    init(_ weights: DecoderWeights, pool: WorkerPool, maximumRows: Int) throws(ResourceError) {
        self.weights = weights
        self.pool = pool
        let configuration = weights.configuration
        let widest = max(configuration.hidden, configuration.queryWidth, configuration.feedForward)
        quantized = try QuantizedRows(
            capacityRows: weights.packed == nil ? 0 : maximumRows, columns: widest, for: "activations of a training step")
        blocks = try (0..<2).map { _ throws(ResourceError) in
            try FloatBuffer(Self.blockRows * widest, for: "dequantised weights of a training step")
        }
    }

    /// `y = W x`, without biases, for maps that read the same x: `[rows, inputs]` to `[rows, outputs]`.
    func forward(_ layer: Int, _ maps: [(projection: Projection, y: FloatBuffer)], x: UnsafePointer<Float>, rows: Int) {
        let configuration = weights.configuration
        let inputs = maps[0].projection.shape(in: configuration).inputs
        switch weights.storage {
        case .packed(let packed):
            let (barrier, view) = (pool.barrierFunction, quantized.view)
            pool.run { thread in
                for row in WorkerPool.slice(rows, of: thread, threads: pool.threads) {
                    view.quantize(row: row, from: x + row * inputs, columns: inputs)
                }
                barrier()
                for (projection, y) in maps {
                    let place = LinearPlace(layer, projection)
                    let outputs = projection.shape(in: configuration).outputs
                    let own = WorkerPool.slice(outputs, of: thread, threads: pool.threads, multiple: 16)
                    if own.isEmpty { continue }
                    packed.matrices[place].view.multiply(view, rows: 0..<rows, outputs: own, into: y.pointer, stride: outputs)
                }
            }
        case .file(let file):
            for (projection, y) in maps {
                reference.multiply(
                    file.files.tensor(.weight(layer, projection)), rowOrder: file.rowOrder(projection), x, rows: rows, into: y.pointer)
            }
        }
    }

    /// Before `head`: the rows that it multiplies, `[rows, hidden]`.
    func prepareHead(x: UnsafePointer<Float>, rows: Int) {
        guard weights.packed != nil else { return }
        let (hidden, view) = (weights.configuration.hidden, quantized.view)
        pool.run { thread in
            for row in WorkerPool.slice(rows, of: thread, threads: pool.threads) {
                view.quantize(row: row, from: x + row * hidden, columns: hidden)
            }
        }
    }

    /// `logits = W[range] x` for a range of the vocabulary that begins at a multiple of 16: `[rows.count, range]`. `x` is what
    /// `prepareHead` got.
    func head(_ range: Range<Int>, x: UnsafePointer<Float>, rows: Range<Int>, into logits: UnsafeMutablePointer<Float>) {
        switch weights.storage {
        case .packed(let packed):
            let view = quantized.view
            pool.run { thread in
                let own = WorkerPool.slice(range.count, of: thread, threads: pool.threads, multiple: 16)
                if own.isEmpty { return }
                packed.head.view.multiply(
                    view, rows: rows, outputs: range.lowerBound + own.lowerBound..<range.lowerBound + own.upperBound,
                    into: logits - range.lowerBound - rows.lowerBound * range.count, stride: range.count)
            }
        case .file(let file):
            let view = file.files.tensor(weights.configuration.tiedHead ? .embedding : .head)
            let hidden = weights.configuration.hidden
            reference.multiply(view, range, x + rows.lowerBound * hidden, rows: rows.count, into: logits)
        }
    }

    /// `dx += g W[range]`, or `dx = g W[range]`: g is `[rows, range]` with `gStride` elements between rows, dx `[rows, inputs]`.
    func backward(
        _ matrix: WeightRows, _ range: Range<Int>, g: UnsafePointer<Float>, gStride: Int, rows: Int, into dx: UnsafeMutablePointer<Float>,
        adds: Bool
    ) {
        let (barrier, inputs, threads) = (pool.barrierFunction, matrix.inputs, pool.threads)
        let starts = Array(stride(from: range.lowerBound, to: range.upperBound, by: Self.blockRows))
        pool.run { thread in
            let own = WorkerPool.slice(rows, of: thread, threads: threads)
            for (number, start) in starts.enumerated() {
                let (block, count) = (blocks[number % 2].pointer, min(Self.blockRows, range.upperBound - start))
                for row in WorkerPool.slice(count, of: thread, threads: threads) { matrix.read(start + row, into: block + row * inputs) }
                barrier()
                Kernels.matmul(
                    .init(g + own.lowerBound * gStride + start - range.lowerBound, rowStride: gStride), .init(block, rowStride: inputs),
                    into: dx + own.lowerBound * inputs, cStride: inputs, rows: own.count, columns: inputs, depth: count,
                    adds: adds || number > 0)
            }
        }
    }
}
