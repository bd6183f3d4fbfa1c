internal import Tensors

/// A `LinearPatch` without its mixture, as plain values for inner loops. Borrowed from the `AdapterDelta` that holds the table.
struct PatchEntry {
    /// 0: no low-rank part, and `a`, `b` are nil.
    var rank: Int
    var scale: Float
    var element: LowRank.Element
    var a: UnsafeRawPointer?
    var b: UnsafeRawPointer?
    /// `[rank]` and `[outputs]`: see `LowRank`.
    var rankFactors: UnsafePointer<Float>?
    var outputFactors: UnsafePointer<Float>?
    var inputScale: UnsafePointer<Float>?
    var outputScale: UnsafePointer<Float>?
    var bias: UnsafePointer<Float>?

    init(_ patch: LinearPatch?) {
        rank = patch?.lowRank?.rank ?? 0
        scale = patch?.lowRank?.scale ?? 0
        element = patch?.lowRank?.element ?? .f32
        a = patch?.lowRank?.a
        b = patch?.lowRank?.b
        rankFactors = (patch?.lowRank?.rankFactors?.pointer).map { UnsafePointer($0) }
        outputFactors = (patch?.lowRank?.outputFactors?.pointer).map { UnsafePointer($0) }
        inputScale = (patch?.inputScale?.pointer).map { UnsafePointer($0) }
        outputScale = (patch?.outputScale?.pointer).map { UnsafePointer($0) }
        bias = (patch?.bias?.pointer).map { UnsafePointer($0) }
    }

    /// The element type for the f32 kernels; nil for int8.
    private var stored: Kernels.LowRankElement? {
        switch element {
        case .f32: .f32
        case .bf16: .bf16
        case .int8: nil
        }
    }

    /// `h[row, r] = scale * rankFactors[r] * (A x)[r]`, of f32 and bf16 matrices.
    func shrink(
        _ x: UnsafePointer<Float>, rows: Int, inputs: Int, into h: UnsafeMutablePointer<Float>, stride: Int
    ) {
        guard let a, let stored else { return }
        Kernels.lowRankShrink(
            x, stride: inputs, rows: rows, a: a, element: stored, rank: rank, inputs: inputs, scale: scale, factors: rankFactors,
            into: h, outputStride: stride)
    }

    /// The same for int8 matrices, from quantised rows to quantised rows.
    func shrink(_ x: QuantizedRows.View, rows: Range<Int>, inputs: Int, next: UnsafeRawPointer?, into h: QuantizedRows.View, block: Int) {
        guard let a else { return }
        Kernels.lowRankShrink(
            x, rows: rows, a: .shrinking(a, rank: rank, inputs: inputs, factors: rankFactors), next: next, scale: scale, into: h,
            block: block)
    }

    /// The same for single rows: from row `rows[i]` of x to row `targets[i]` of h.
    func shrink(
        _ x: QuantizedRows.View, rows: UnsafePointer<Int32>, count: Int, inputs: Int, next: UnsafeRawPointer?, into h: QuantizedRows.View,
        rows targets: UnsafePointer<Int32>, block: Int
    ) {
        guard let a else { return }
        Kernels.lowRankShrink(
            x, rows: rows, count: count, a: .shrinking(a, rank: rank, inputs: inputs, factors: rankFactors), next: next, scale: scale, into: h, rows: targets,
            block: block)
    }

    /// `y += outputFactors * (B h)` for a slice of the outputs, of f32 and bf16 matrices; `y` points to output 0 of the first row; there are `width`
    /// outputs, and rows lie `yStride` apart (without one, `width`).
    func expand(
        _ h: UnsafePointer<Float>, stride: Int, rows: Int, outputs: Range<Int>, width: Int, into y: UnsafeMutablePointer<Float>,
        yStride: Int? = nil
    ) {
        guard let b, let stored else { return }
        Kernels.lowRankExpand(
            h, stride: stride, rows: rows, b: b, element: stored, rank: rank, factors: outputFactors, outputs: outputs,
            totalOutputs: width, into: y, outputStride: yStride ?? width)
    }

    /// The same for int8 matrices; `y` points to output 0 of row 0.
    func expand(
        _ h: QuantizedRows.View, block: Int, rows: Range<Int>, outputs: Range<Int>, width: Int, next: UnsafeRawPointer?,
        into y: UnsafeMutablePointer<Float>, yStride: Int? = nil
    ) {
        guard let b else { return }
        Kernels.lowRankExpand(
            h, rows: rows, block: block, b: .expanding(b, outputs: width, rank: rank, factors: outputFactors), next: next,
            outputs: outputs, into: y, outputStride: yStride ?? width)
    }

    /// The same for single rows: from row `rows[i]` of h to row `targets[i]` of y, or to row i without targets.
    func expand(
        _ h: QuantizedRows.View, block: Int, rows: UnsafePointer<Int32>, count: Int, outputs: Range<Int>, width: Int,
        next: UnsafeRawPointer?, into y: UnsafeMutablePointer<Float>, rows targets: UnsafePointer<Int32>?
    ) {
        guard let b else { return }
        Kernels.lowRankExpand(
            h, rows: rows, count: count, block: block, b: .expanding(b, outputs: width, rank: rank, factors: outputFactors),
            next: next, outputs: outputs, into: y, rows: targets, outputStride: width)
    }

    /// Adds A or B to a list of memory that is read soon. Only int8 matrices are fetched.
    func addA(to list: inout Kernels.Fetch, inputs: Int) {
        guard let a, element == .int8 else { return }
        list.add(.shrinking(a, rank: rank, inputs: inputs))
    }

    func addB(to list: inout Kernels.Fetch, outputs: Range<Int>, width: Int) {
        guard let b, element == .int8 else { return }
        list.add(.expanding(b, outputs: width, rank: rank), outputs: outputs)
    }

    /// The end of a linear map, after `y = W x + B h`, for a slice of the outputs: `y = outputScale * y + baseBias + bias`. `y` points to
    /// output 0 of the first row, `width` outputs a row.
    func finish(
        _ y: UnsafeMutablePointer<Float>, rows: Int, outputs: Range<Int>, width: Int, baseBias: UnsafePointer<Float>?
    ) {
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
