internal import Tensors

/// Linear patches: shrinking and input scales belong to the row phases, expanding to the output phases.
extension FastStep {
    /// `h = scale * A x` of this thread's rows of a band, for each projection of a phase.
    func shrinkLinear(_ number: Int, _ layer: Int, _ phase: Range<Int>, _ own: Range<Int>, _ x: UnsafePointer<Float>, _ width: Int) {
        guard let patches = plan.bands[number].patches?.layer(layer) else { return }
        for projection in phase {
            let isLast = projection + 1 == phase.upperBound
            // The matrix that is shrunk next is fetched meanwhile.
            let next = isLast ? plan.patches(after: number)?.layer(layer)[phase.lowerBound].a : patches[projection + 1].a
            shrink(patches + projection, projection, own, x, width, next: next)
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

    /// `y += B h` for this thread's slice of the outputs and a band's rows.
    func expandLinear(_ number: Int, _ place: LinearPlace, _ linear: FastDecoder.Linear, _ outputs: Range<Int>, into y: UnsafeMutablePointer<Float>) {
        let band = plan.bands[number]
        guard let patch = band.patches?[place] else { return }
        let projection = linear.projection.rawValue
        let (offset, stride) = (scratch.shrunkOffset[projection], scratch.shrunkStride[projection])
        if patch.pointee.element == .int8 {
            patch.pointee.expand(
                inputs.shrunkBlocks, block: offset / 32, rows: band.rowRange, outputs: outputs, width: linear.outputs,
                next: plan.patches(after: number)?[place].pointee.b, into: y)
        } else {
            patch.pointee.expand(
                inputs.shrunk + band.firstRow * stride + offset, stride: stride, rows: band.rows, outputs: outputs,
                width: linear.outputs, into: y + band.firstRow * linear.outputs)
        }
    }

    // MARK: Scaled inputs

    /// The projections of a phase whose input some adapter scales get quantised rows of their own: scaled rows of those adapters, and
    /// the others as they are.
    func scaleInputs(_ layer: Int, _ phase: Range<Int>, _ x: UnsafePointer<Float>, _ width: Int) {
        guard scalesInputs else { return }
        for projection in phase where plan.scalesInput(projection) {
            guard let target = scaled(projection - phase.lowerBound) else { continue }
            for index in 0..<plan.bandCount {
                let band = plan.bands[index]
                let scale = band.patches?.layer(layer)[projection].inputScale
                for row in inputSlice.clamped(to: band.rowRange) {
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
    }

    /// By a projection's place in its phase.
    func scaled(_ place: Int) -> QuantizedRows.View? {
        switch place {
        case 0: inputs.scaled.0
        case 1: inputs.scaled.1
        default: inputs.scaled.2
        }
    }
}
