internal import Tensors

/// A `LinearPatch` as the inner loops read it. Borrowed from the `AdapterDelta` that holds the table.
struct PatchEntry {
    /// 0: no low-rank part, and `a`, `b` are nil.
    var rank: Int
    var scale: Float
    var element: Kernels.LowRankElement
    var a: UnsafeRawPointer?
    var b: UnsafeRawPointer?
    var inputScale: UnsafePointer<Float>?
    var outputScale: UnsafePointer<Float>?
    var bias: UnsafePointer<Float>?

    init(_ patch: LinearPatch?) {
        rank = patch?.lowRank?.rank ?? 0
        scale = patch?.lowRank?.scale ?? 0
        element = patch?.lowRank?.element == .bf16 ? .bf16 : .f32
        a = patch?.lowRank?.a
        b = patch?.lowRank?.b
        inputScale = (patch?.inputScale?.pointer).map { UnsafePointer($0) }
        outputScale = (patch?.outputScale?.pointer).map { UnsafePointer($0) }
        bias = (patch?.bias?.pointer).map { UnsafePointer($0) }
    }

    /// `h[row, r] = scale * (A x)[r]`
    func shrink(
        _ x: UnsafePointer<Float>, rows: Int, inputs: Int, into h: UnsafeMutablePointer<Float>, stride: Int
    ) {
        guard let a else { return }
        Kernels.lowRankShrink(
            x, stride: inputs, rows: rows, a: a, element: element, rank: rank, inputs: inputs, scale: scale, into: h,
            outputStride: stride)
    }

    /// What comes after `y = W x` for a slice of the outputs: `y = outputScale * (y + B h) + baseBias + bias`. `y` points to
    /// output 0 of the first row, `width` outputs a row.
    func finish(
        _ y: UnsafeMutablePointer<Float>, rows: Int, outputs: Range<Int>, width: Int, h: UnsafePointer<Float>,
        stride: Int, baseBias: UnsafePointer<Float>?
    ) {
        if let b {
            Kernels.lowRankExpand(
                h, stride: stride, rows: rows, b: b, element: element, rank: rank, outputs: outputs, totalOutputs: width,
                into: y, outputStride: width)
        }
        for row in 0..<rows {
            let slice = y + row * width + outputs.lowerBound
            if let outputScale {
                Kernels.multiply(slice, elementwise: outputScale + outputs.lowerBound, count: outputs.count)
            }
            if let baseBias { Kernels.add(baseBias + outputs.lowerBound, to: slice, count: outputs.count) }
            if let bias { Kernels.add(bias + outputs.lowerBound, to: slice, count: outputs.count) }
        }
    }

    /// The same for rows of the base model.
    static func finishBase(
        _ y: UnsafeMutablePointer<Float>, rows: Int, outputs: Range<Int>, width: Int, baseBias: UnsafePointer<Float>?
    ) {
        guard let baseBias else { return }
        for row in 0..<rows {
            Kernels.add(baseBias + outputs.lowerBound, to: y + row * width + outputs.lowerBound, count: outputs.count)
        }
    }
}
