internal import Tensors

extension FastStep {
    /// The residual stream's rows through a norm into `inputs.quantized`, and in a step with adapters, some of which read it, into
    /// `inputs.normed`; after the last product was added through its own norm where the family has one.
    func norm(_ weight: UnsafePointer<Float>, addingThrough outputNorm: UnsafePointer<Float>?) {
        for row in inputSlice {
            if let outputNorm { addProjected(row, through: outputNorm) }
            norm(row, weight, into: row)
        }
    }

    /// One row, into the input's row `target`.
    func norm(_ row: Int, _ weight: UnsafePointer<Float>, into target: Int) {
        inputs.quantized.quantizeNorm(
            row: target, of: residual + row * hidden, weight: weight, epsilon: epsilon, columns: hidden,
            into: plan.adapts ? inputs.normed + target * hidden : nil)
    }

    /// `residual += rmsNorm(projected)`, one row.
    func addProjected(_ row: Int, through outputNorm: UnsafePointer<Float>) {
        let normed = inputs.scaledRow
        Kernels.rmsNorm(
            scratch.projected + row * hidden, weight: outputNorm, epsilon: epsilon, count: hidden, into: normed)
        Kernels.add(normed, to: residual + row * hidden, count: hidden)
    }

    /// The rows of x, `[rows, width]`, into `inputs.quantized`.
    func quantize(_ x: UnsafePointer<Float>, width: Int) {
        for row in inputSlice { inputs.quantized.quantize(row: row, from: x + row * width, columns: width) }
    }

    /// What adapters make of the rows of x that a phase's projections read: they are shrunk by A matrices, and scaled.
    func adapt(_ layer: Int, _ phase: Range<Int>, _ x: UnsafePointer<Float>) {
        guard plan.adapts else { return }
        let first = layer * Projection.allCases.count
        let width = linears[first + phase.lowerBound].inputs
        for index in 0..<plan.spanCount {
            let span = plan.spans[index]
            guard let patches = span.patches else { continue }
            let own = inputSlice.clamped(to: span.rowRange)
            if own.isEmpty { continue }
            for projection in phase {
                let isLast = projection + 1 == phase.upperBound
                let next = isLast ? plan.patches(after: index)?[first + phase.lowerBound].a : patches[first + projection + 1].a
                shrink(patches + first + projection, projection, own, x, width, next: next)
            }
            if !plan.hasMixtures { continue }
            shrinkMixtures(patches + first, phase, own, x, width)
            guard let mixture = span.mixture(layer) else { continue }
            if phase == FastPhase.feedForward { shrinkExperts(mixture, own) }
            if phase == FastPhase.down { shrinkDown(mixture, own) }
        }
        guard scalesInputs else { return }
        for projection in phase where plan.scalesInput(projection) {
            scale(first + projection, place: projection - phase.lowerBound, x, width)
        }
    }

    private func shrink(
        _ patch: UnsafePointer<PatchEntry>, _ projection: Int, _ rows: Range<Int>, _ x: UnsafePointer<Float>, _ width: Int,
        next: UnsafeRawPointer?
    ) {
        let (offset, stride) = (scratch.shrunkOffset[projection], scratch.shrunkStride[projection])
        if patch.pointee.element == .int8 {
            patch.pointee.shrink(
                inputs.quantized, rows: rows, inputs: width, next: next, into: inputs.shrunkBlocks, block: offset / 32)
        } else {
            patch.pointee.shrink(
                x + rows.lowerBound * width, rows: rows.count, inputs: width,
                into: inputs.shrunk + rows.lowerBound * stride + offset, stride: stride)
        }
    }

    /// A projection's own quantised input: rows of adapters that scale it are scaled, the others are as they are.
    private func scale(_ linear: Int, place: Int, _ x: UnsafePointer<Float>, _ width: Int) {
        guard let target = scaled(place) else { return }
        for index in 0..<plan.spanCount {
            let span = plan.spans[index]
            let scale = span.patches?[linear].inputScale
            for row in inputSlice.clamped(to: span.rowRange) {
                guard let scale else {
                    target.quantize(row: row, from: x + row * width, columns: width)
                    continue
                }
                inputs.scaledRow.update(from: x + row * width, count: width)
                Kernels.multiply(inputs.scaledRow, elementwise: scale, count: width)
                target.quantize(row: row, from: inputs.scaledRow, columns: width)
            }
        }
    }

    /// `y = W x` for this thread's slice of the outputs, with the base's bias and each span's patch. y is `[rows, outputs]`.
    func multiply(_ layer: Int, _ projection: Projection, into y: UnsafeMutablePointer<Float>) {
        let index = layer * Projection.allCases.count + projection.rawValue
        let linear = linears[index]
        let outputs = outputs(of: projection, linear.outputs)
        if outputs.isEmpty { return }
        linear.matrix.multiply(
            input(projection), rows: 0..<rows, outputs: outputs, into: y, stride: linear.outputs,
            fetching: fetch(index, projection, outputs))
        for number in 0..<plan.spanCount {
            let span = plan.spans[number]
            let target = y + span.firstRow * linear.outputs
            if let patches = span.patches {
                let patch = patches + index
                expand(
                    patch, projection.rawValue, span, outputs, linear.outputs, next: plan.patches(after: number)?[index].b,
                    into: y)
                if let mixture = patch.pointee.mixture { expandMixture(mixture, projection, span, outputs, linear.outputs, into: y) }
                if projection == .down, let mixture = span.mixture(layer) {
                    expandDown(mixture, linear, span, outputs, into: y)
                    continue
                }
                patch.pointee.finish(
                    target, rows: span.rows, outputs: outputs, width: linear.outputs, baseBias: linear.bias)
            } else {
                PatchEntry.finishBase(
                    target, rows: span.rows, outputs: outputs, width: linear.outputs, baseBias: linear.bias)
            }
        }
    }

    private func expand(
        _ patch: UnsafePointer<PatchEntry>, _ projection: Int, _ span: StepPlan.Span, _ outputs: Range<Int>, _ width: Int,
        next: UnsafeRawPointer?, into y: UnsafeMutablePointer<Float>
    ) {
        let (offset, stride) = (scratch.shrunkOffset[projection], scratch.shrunkStride[projection])
        if patch.pointee.element == .int8 {
            patch.pointee.expand(
                inputs.shrunkBlocks, block: offset / 32, rows: span.rowRange,
                outputs: outputs, width: width, next: next, into: y)
        } else {
            patch.pointee.expand(
                inputs.shrunk + span.firstRow * stride + offset, stride: stride, rows: span.rows, outputs: outputs,
                width: width, into: y + span.firstRow * width)
        }
    }

    /// Adds this thread's slice of the last product to the residual stream; with output norms, whole rows are, in the next phase
    /// of rows.
    func addProjectedSlice() {
        if shape.outputNorms { return }
        let outputs = outputSlice(hidden)
        for row in 0..<rows {
            let start = row * hidden + outputs.lowerBound
            Kernels.add(scratch.projected + start, to: residual + start, count: outputs.count)
        }
    }

    private func input(_ projection: Projection) -> QuantizedRows.Span {
        guard scalesInputs, plan.scalesInput(projection.rawValue) else { return inputs.quantized }
        return scaled(projection.placeInPhase) ?? inputs.quantized
    }

    private func scaled(_ place: Int) -> QuantizedRows.Span? {
        switch place {
        case 0: inputs.scaled.0
        case 1: inputs.scaled.1
        default: inputs.scaled.2
        }
    }
}

extension Projection {
    /// Among those that read the same input.
    var placeInPhase: Int {
        switch self {
        case .query, .output, .gate, .down: 0
        case .key, .up: 1
        case .value: 2
        }
    }
}
