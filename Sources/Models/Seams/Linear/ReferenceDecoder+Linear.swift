internal import Tensors

extension ReferenceDecoder {
    /// The same for some of a map's `width` outputs, in rows of y that lie `stride` apart.
    func add(
        _ patch: PatchEntry, _ x: UnsafePointer<Float>, inputs: Int, rows: Int, to y: UnsafeMutablePointer<Float>, outputs: Range<Int>, width: Int,
        stride: Int
    ) {
        patch.shrink(x, rows: rows, inputs: inputs, into: shrunk.pointer, stride: patch.rank)
        patch.expand(shrunk.pointer, stride: patch.rank, rows: rows, outputs: outputs, width: width, into: y, yStride: stride)
    }

    /// `y += scale * B (A x)`, some rows.
    func add(
        _ patch: PatchEntry, _ x: UnsafePointer<Float>, inputs: Int, rows: Int, to y: UnsafeMutablePointer<Float>, outputs: Int
    ) {
        patch.shrink(x, rows: rows, inputs: inputs, into: shrunk.pointer, stride: patch.rank)
        patch.expand(shrunk.pointer, stride: patch.rank, rows: rows, outputs: 0..<outputs, width: outputs, into: y)
    }

    /// x, or a copy of it in which the rows of adapters with an input scale are scaled.
    func scaledInput(_ layer: Int, _ projection: Projection, _ x: FloatBuffer, _ inputs: Int) -> UnsafePointer<Float> {
        guard plan.extent.linear.scalesInput[projection.rawValue] else { return UnsafePointer(x.pointer) }
        scaled.pointer.update(from: x.pointer, count: plan.rows * inputs)
        for index in 0..<plan.bandCount {
            let band = plan.bands[index]
            guard let scale = band.patches?[LinearPlace(layer, projection)].pointee.inputScale else { continue }
            for row in band.rowRange {
                Kernels.multiply(scaled.pointer + row * inputs, elementwise: scale, count: inputs)
            }
        }
        return UnsafePointer(scaled.pointer)
    }
}
