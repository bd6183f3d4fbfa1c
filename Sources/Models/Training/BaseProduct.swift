internal import Tensors

/// Products with the base's frozen matrices, forward and backward, of all rows of a step. The weights stay as they are in memory.
///
/// Forward: the fast path multiplies activations in two parts of int8 with the packed weights, `W x = W q1 + W q2` where q2 is what the
/// rounding to q1 lost; together they have 15 bits. (With one part, as in serving, the loss of single steps is off by 2.5 %.) The
/// reference path multiplies f32 with dequantised weights. Backward, `dX = G W`, rows of W are dequantised in blocks: f32 on the
/// reference path; on the fast path both are rounded to bf16 and sums are f32.
final class BaseProduct {
    private let weights: DecoderWeights
    private let pool: WorkerPool
    private let quantized: QuantizedRows
    /// What the rounding to `quantized` lost.
    private let remainder: QuantizedRows
    /// Of each thread: products of the remainder.
    private let second: [GrowingFloats]
    /// Two rows of each thread.
    private let rounded: [FloatBuffer]
    private let reference = ReferenceMatrix()
    /// Two blocks of dequantised rows: one is filled while the other is multiplied.
    private let blocks: [FloatBuffer]

    private static let blockRows = Kernels.pairsDepth

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
        quantized = try QuantizedRows(
            capacityRows: weights.packed == nil ? 0 : maximumRows, columns: widest, for: "activations of a training step")
        remainder = try QuantizedRows(
            capacityRows: weights.packed == nil ? 0 : maximumRows, columns: widest, for: "activations of a training step")
        second = (0..<pool.threads).map { _ in GrowingFloats() }
        if weights.packed != nil { for own in second { try own.grow(to: Self.blockRows * max(widest, TrainingHead.tileWidth)) } }
        rounded = try (0..<pool.threads).map { _ throws(ResourceError) in
            try FloatBuffer(2 * widest, for: "activations of a training step")
        }
        blocks = try (0..<2).map { _ throws(ResourceError) in
            try FloatBuffer(Self.blockRows * (widest + 15), for: "dequantised weights of a training step")
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
                quantize(x, rows: rows, columns: inputs, thread)
                barrier()
                for (projection, y) in maps {
                    let matrix = packed.matrices[LinearPlace(layer, projection)].view
                    let outputs = projection.shape(in: configuration).outputs
                    let own = WorkerPool.slice(outputs, of: thread, threads: pool.threads, multiple: 16)
                    multiply(matrix, rows: 0..<rows, outputs: own, into: y.pointer, stride: outputs, thread)
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
        pool.run { thread in quantize(x, rows: rows, columns: weights.configuration.hidden, thread) }
    }

    /// A thread's rows in two parts of int8.
    private func quantize(_ x: UnsafePointer<Float>, rows: Int, columns: Int, _ thread: Int) {
        let (first, rest, own) = (quantized.view, remainder.view, rounded[thread].pointer)
        for row in WorkerPool.slice(rows, of: thread, threads: pool.threads) {
            first.quantize(row: row, from: x + row * columns, columns: columns)
            own.update(from: x + row * columns, count: columns)
            quantized.subtract(row: row, from: own, columns: columns)
            rest.quantize(row: row, from: own, columns: columns)
        }
    }

    /// `y = W q1 + W q2` for a thread's outputs.
    private func multiply(
        _ matrix: PackedMatrix.View, rows: Range<Int>, outputs: Range<Int>, into y: UnsafeMutablePointer<Float>, stride: Int, _ thread: Int
    ) {
        if outputs.isEmpty { return }
        let products = second[thread].pointer
        for first in Swift.stride(from: rows.lowerBound, to: rows.upperBound, by: Self.blockRows) {
            let block = first..<min(first + Self.blockRows, rows.upperBound)
            matrix.multiply(quantized.view, rows: block, outputs: outputs, into: y, stride: stride)
            matrix.multiply(
                remainder.view, rows: block, outputs: outputs, into: products - first * outputs.count - outputs.lowerBound,
                stride: outputs.count)
            for row in block {
                Kernels.add(products + (row - first) * outputs.count, to: y + row * stride + outputs.lowerBound, count: outputs.count)
            }
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
                    packed.head.view, rows: rows, outputs: range.lowerBound + own.lowerBound..<range.lowerBound + own.upperBound,
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
        let isRounded = weights.packed != nil
        pool.run { thread in
            let own = WorkerPool.slice(rows, of: thread, threads: threads)
            let target = dx + own.lowerBound * inputs
            for (number, start) in starts.enumerated() {
                let (block, count) = (blocks[number % 2].pointer, min(Self.blockRows, range.upperBound - start))
                let left = g + own.lowerBound * gStride + start - range.lowerBound
                let slice = WorkerPool.slice(count, of: thread, threads: threads, multiple: 2)
                if isRounded {
                    pack(matrix, start, slice, into: block, thread)
                } else {
                    for row in slice { matrix.read(start + row, into: block + row * inputs) }
                }
                barrier()
                if isRounded {
                    let (words, stride) = (UnsafeRawPointer(block).assumingMemoryBound(to: UInt32.self), Self.wordStride(inputs))
                    Kernels.matmulPairs(
                        left, aStride: gStride, words: words, wordStride: stride, into: target, cStride: inputs, rows: own.count,
                        columns: inputs, depth: count, adds: adds || number > 0)
                } else {
                    Kernels.matmul(
                        .init(left, rowStride: gStride), .init(block, rowStride: inputs), into: target, cStride: inputs, rows: own.count,
                        columns: inputs, depth: count, adds: adds || number > 0)
                }
            }
        }
    }

    private static func wordStride(_ inputs: Int) -> Int { (inputs + 15) / 16 * 16 }

    /// Rows of a block, an even number but at the end, in pairs of bf16.
    private func pack(_ matrix: WeightRows, _ start: Int, _ rows: Range<Int>, into block: UnsafeMutablePointer<Float>, _ thread: Int) {
        let words = UnsafeMutableRawPointer(block).assumingMemoryBound(to: UInt32.self)
        let (low, high) = (rounded[thread].pointer, rounded[thread].pointer + matrix.inputs)
        for row in stride(from: rows.lowerBound, to: rows.upperBound, by: 2) {
            let isPair = row + 1 < rows.upperBound
            matrix.read(start + row, into: low)
            if isPair { matrix.read(start + row + 1, into: high) }
            Kernels.packPairs(
                low: low, high: isPair ? UnsafePointer(high) : nil, columns: matrix.inputs,
                into: words + row / 2 * Self.wordStride(matrix.inputs))
        }
    }
}
