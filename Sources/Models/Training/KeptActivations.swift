internal import Tensors

/// What the way back through a layer reads of its way forward, rounded to bf16: half the memory, and what products round to anyway.
///
/// There is room for all layers, or for one: then the way back computes each layer again and rounds the same numbers, so a step has the
/// same bits either way.
final class KeptActivations {
    private let pool: WorkerPool
    private let activations: LayerActivations
    private let parts: [Part]
    /// `[rows, elements]` of each layer, or of one.
    private let stored: [FloatBuffer]
    /// `[rows, heads]` of each layer, or of one; f32.
    private let logSumExp: [FloatBuffer]
    /// Elements of a row, an even number.
    private let elements: Int
    private let heads: Int
    private let firstLayer: Int
    /// There is room for every layer, not for one.
    let keepsAll: Bool

    /// Memory of `LayerActivations`, as a plain pointer: references would be counted in each row.
    private struct Part {
        let start: UnsafeMutablePointer<Float>
        let width: Int
        let offset: Int
    }

    /// Errors: the system has no memory for it.
    ///
    /// - Parameter firstLayer: those below it are never kept.
    init(
        _ activations: LayerActivations, _ configuration: DecoderConfiguration, rows: Int, firstLayer: Int = 0, keepsAll: Bool,
        pool: WorkerPool
    ) throws(ResourceError) {
        self.pool = pool
        (self.firstLayer, self.keepsAll) = (firstLayer, keepsAll)
        self.activations = activations
        var (parts, offset) = ([Part](), 0)
        for (buffer, width) in Self.widths(activations, configuration) {
            parts.append(Part(start: buffer.pointer, width: width, offset: offset))
            offset += width
        }
        let (words, heads) = ((offset + 1) / 2, configuration.heads)
        self.parts = parts
        self.heads = heads
        elements = 2 * words
        let layers = 0..<(keepsAll ? configuration.layers - firstLayer : 1)
        stored = try layers.map { _ throws(ResourceError) in try FloatBuffer(rows * words, for: "kept activations of a training step") }
        logSumExp = try layers.map { _ throws(ResourceError) in
            try FloatBuffer(rows * heads, for: "kept activations of a training step")
        }
    }

    /// Bytes that keeping all layers takes.
    static func byteCount(_ configuration: DecoderConfiguration, rows: Int) -> Int {
        let (hidden, outputNorms) = (configuration.hidden, configuration.outputNorms)
        let width =
            2 * configuration.queryWidth + 2 * configuration.keyValueWidth + 2 * configuration.feedForward + hidden
            + (outputNorms ? 2 * hidden : 0)
        return configuration.layers * rows * (2 * width + 4 * configuration.heads)
    }

    private static func widths(_ own: LayerActivations, _ configuration: DecoderConfiguration) -> [(FloatBuffer, Int)] {
        let (hidden, feedForward) = (configuration.hidden, configuration.feedForward)
        var widths = [
            (own.rawQuery, configuration.queryWidth), (own.rawKey, configuration.keyValueWidth), (own.value, configuration.keyValueWidth),
            (own.attended, configuration.queryWidth), (own.middle, hidden), (own.gate, feedForward), (own.up, feedForward),
        ]
        if configuration.outputNorms { widths += [(own.attentionOutput, hidden), (own.feedForwardOutput, hidden)] }
        return widths
    }

    /// Takes a layer's activations.
    func store(_ layer: Int, rows: Int) {
        let place = keepsAll ? layer - firstLayer : 0
        let (halves, sums, parts, elements) = (stored[place].halves, logSumExp[place].pointer, parts, elements)
        pool.run { thread in
            let own = WorkerPool.slice(rows, of: thread, threads: pool.threads)
            for row in own {
                for part in parts {
                    Kernels.round(part.start + row * part.width, count: part.width, into: halves + row * elements + part.offset)
                }
            }
            (sums + own.lowerBound * heads).update(from: activations.logSumExp.pointer + own.lowerBound * heads, count: own.count * heads)
        }
    }

    /// Gives them back, rounded.
    func restore(_ layer: Int, rows: Int) {
        let place = keepsAll ? layer - firstLayer : 0
        let (halves, sums, parts, elements) = (stored[place].halves, logSumExp[place].pointer, parts, elements)
        pool.run { thread in
            let own = WorkerPool.slice(rows, of: thread, threads: pool.threads)
            for row in own {
                for part in parts {
                    Kernels.widen(halves + row * elements + part.offset, count: part.width, into: part.start + row * part.width)
                }
            }
            (activations.logSumExp.pointer + own.lowerBound * heads).update(from: sums + own.lowerBound * heads, count: own.count * heads)
        }
    }
}
