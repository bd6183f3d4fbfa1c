internal import Tensors

/// Products with the base's frozen matrices, forward and backward, of all rows of a step. The weights stay as they are in memory.
///
/// The fast path rounds both factors to bf16, forward (`Y = X Wᵀ`) and backward (`dX = G W`); sums are f32. (With activations in int8, as
/// in serving, the loss of single steps is off by up to 2.5 %; with bf16 by 0.3 %.) The reference path multiplies f32. Both dequantise
/// weights in blocks that stay in cache.
final class BaseProduct {
    private let weights: DecoderWeights
    private let pool: WorkerPool
    /// The rows that a forward product reads, in pairs of bf16, `pairStride` words each.
    private let pairs: FloatBuffer
    private let pairStride: Int
    /// Of each thread: the weights of some outputs in pairs of bf16.
    private let unpacked: [FloatBuffer]
    private let reference = ReferenceMatrix()
    /// Two blocks of dequantised rows: one is filled while the other is multiplied.
    private let blocks: [FloatBuffer]

    private static let blockRows = Kernels.pairsDepth
    /// Outputs whose weights a thread unpacks at once: whole tiles of registers.
    private static let blockOutputs = 48

    /// Makes room for a step. Errors: the system has no memory.
    func reserve(_ plan: TrainingPlan) throws(ResourceError) {
        guard weights.packed == nil else { return }
        for projection in Projection.allCases {
            let (outputs, inputs) = projection.shape(in: weights.configuration)
            try reference.reserve(rows: plan.rows, outputs: outputs, inputs: inputs)
        }
        try reference.reserve(rows: 0, outputs: TrainingHead.tileWidth, inputs: weights.configuration.hidden)
    }

    init(_ weights: DecoderWeights, pool: WorkerPool, maximumRows: Int) throws(ResourceError) {
        self.weights = weights
        self.pool = pool
        let configuration = weights.configuration
        let widest = max(configuration.hidden, configuration.queryWidth, configuration.feedForward)
        pairStride = Kernels.pairCount(columns: widest)
        pairs = try FloatBuffer(weights.packed == nil ? 0 : maximumRows * pairStride, for: "activations of a training step")
        let blockWords = weights.packed == nil ? 0 : Self.blockOutputs * pairStride
        unpacked = try (0..<pool.threads).map { _ throws(ResourceError) in
            try FloatBuffer(blockWords, for: "dequantised weights of a training step")
        }
        blocks = try (0..<2).map { _ throws(ResourceError) in
            try FloatBuffer(Self.blockRows * Self.wordStride(widest) / (weights.packed == nil ? 1 : 2), for: "dequantised weights of a training step")
        }
    }

    /// `y = W x`, without biases, for maps that read the same x: `[rows, inputs]` to `[rows, outputs]`.
    func forward(_ layer: Int, _ maps: [(projection: Projection, y: FloatBuffer)], x: UnsafePointer<Float>, rows: Int) {
        let configuration = weights.configuration
        let inputs = maps[0].projection.shape(in: configuration).inputs
        switch weights.storage {
        case .packed(let packed):
            let barrier = pool.barrierFunction
            pool.run { thread in
                round(x, rows: rows, columns: inputs, thread)
                barrier()
                for (projection, y) in maps {
                    guard let matrix = packed.matrices[LinearPlace(layer, projection)]?.view else { continue }
                    let outputs = projection.shape(in: configuration).outputs
                    let own = WorkerPool.slice(outputs, of: thread, threads: pool.threads, multiple: 16)
                    multiply(matrix, inputs, rows: 0..<rows, outputs: own, into: y.pointer, stride: outputs, thread)
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
        pool.run { thread in round(x, rows: rows, columns: weights.configuration.hidden, thread) }
    }

    /// A thread's rows in pairs of bf16.
    private func round(_ x: UnsafePointer<Float>, rows: Int, columns: Int, _ thread: Int) {
        for row in WorkerPool.slice(rows, of: thread, threads: pool.threads) {
            Kernels.roundPairs(x + row * columns, columns: columns, into: pairs.words + row * pairStride)
        }
    }

    /// `y = W x` for a thread's outputs.
    private func multiply(
        _ matrix: PackedMatrix.View, _ inputs: Int, rows: Range<Int>, outputs: Range<Int>, into y: UnsafeMutablePointer<Float>, stride: Int,
        _ thread: Int
    ) {
        let (words, count) = (unpacked[thread].words, Kernels.pairCount(columns: inputs))
        for first in Swift.stride(from: outputs.lowerBound, to: outputs.upperBound, by: Self.blockOutputs) {
            let block = first..<min(first + Self.blockOutputs, outputs.upperBound)
            matrix.unpackPairs(block, into: words, wordStride: Self.blockOutputs)
            Kernels.pairsProduct(
                pairs.words + rows.lowerBound * pairStride, aStride: pairStride, words: words, wordStride: Self.blockOutputs,
                into: y + rows.lowerBound * stride + first, cStride: stride, rows: rows.count, columns: block.count, pairs: count)
        }
    }

    /// `logits = W[range] x` for a range of the vocabulary that begins at a multiple of 16: `[rows.count, range]`. `x` is what
    /// `prepareHead` got.
    func head(_ range: Range<Int>, x: UnsafePointer<Float>, rows: Range<Int>, into logits: UnsafeMutablePointer<Float>) {
        switch weights.storage {
        case .packed(let packed):
            let start = range.lowerBound + rows.lowerBound * range.count
            pool.run { thread in
                let own = WorkerPool.slice(range.count, of: thread, threads: pool.threads, multiple: 16)
                multiply(
                    packed.head.view, weights.configuration.hidden, rows: rows, outputs: range.lowerBound + own.lowerBound..<range.lowerBound + own.upperBound,
                    into: logits - start, stride: range.count, thread)
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
        let (packed, wordStride) = (matrix.packed, Self.wordStride(inputs))
        pool.run { thread in
            let own = WorkerPool.slice(rows, of: thread, threads: threads)
            let target = dx + own.lowerBound * inputs
            for (number, start) in starts.enumerated() {
                let (block, count) = (blocks[number % 2], min(Self.blockRows, range.upperBound - start))
                let left = g + own.lowerBound * gStride + start - range.lowerBound
                let slice = WorkerPool.slice(count, of: thread, threads: threads, multiple: 16)
                if let packed {
                    if !slice.isEmpty {
                        packed.unpackOutputPairs(
                            start + slice.lowerBound..<start + slice.upperBound, into: block.words + slice.lowerBound / 2 * wordStride,
                            wordStride: wordStride)
                    }
                    barrier()
                    Kernels.matmulPairs(
                        left, aStride: gStride, words: block.words, wordStride: wordStride, into: target, cStride: inputs,
                        rows: own.count, columns: inputs, depth: count, adds: adds || number > 0)
                } else {
                    for row in slice { matrix.read(start + row, into: block.pointer + row * inputs) }
                    barrier()
                    Kernels.matmul(
                        .init(left, rowStride: gStride), .init(block.pointer, rowStride: inputs), into: target, cStride: inputs,
                        rows: own.count, columns: inputs, depth: count, adds: adds || number > 0)
                }
            }
        }
    }

    private static func wordStride(_ inputs: Int) -> Int { (inputs + 31) / 32 * 32 }
}
