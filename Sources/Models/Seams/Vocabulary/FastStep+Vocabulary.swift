internal import Tensors

/// Adapters' heads. What they do to the embedding is in `EmbeddingEntry`.
extension FastStep {
    /// `h = scale * A x` of this thread's rows of logits.
    func shrinkHead(_ own: Range<Int>) {
        for index in 0..<plan.segmentCount {
            let segment = plan.segments[index]
            guard let head = segment.head, head.pointee.linear.rank > 0 else { continue }
            let range = own.clamped(to: segment.logits)
            if range.isEmpty { continue }
            let stride = scratch.headStride
            if head.pointee.linear.element == .int8 {
                head.pointee.linear.shrink(
                    inputs.quantized, rows: range, inputs: hidden, next: nil, into: inputs.shrunkBlocks, block: 0)
            } else {
                head.pointee.linear.shrink(
                    inputs.normed + range.lowerBound * hidden, rows: range.count, inputs: hidden,
                    into: inputs.shrunk + range.lowerBound * stride, stride: stride)
            }
        }
    }

    /// This thread's outputs of an adapter's head, which may have more of them than the base's.
    private func outputs(of head: HeadEntry, _ outputs: Range<Int>) -> Range<Int> {
        guard let matrix = head.matrix, matrix.rows > shape.vocabulary else { return outputs }
        return outputSlice(matrix.rows)
    }

    /// Rows between those of adapters with a matrix of their own go through the base's head together.
    func multiplyPatchedHead(_ outputs: Range<Int>, _ logits: LogitRows) {
        var start = 0
        for index in 0..<plan.segmentCount {
            let segment = plan.segments[index]
            guard let head = segment.head?.pointee, let matrix = head.matrix, !segment.logits.isEmpty else { continue }
            multiplyHead(start..<segment.logits.lowerBound, outputs, logits)
            multiply(matrix, segment.logits, self.outputs(of: head, outputs), logits)
            start = segment.logits.upperBound
        }
        multiplyHead(start..<plan.logitsCount, outputs, logits)
        for index in 0..<plan.segmentCount {
            let segment = plan.segments[index]
            if let head = segment.head, !segment.logits.isEmpty { finish(head, segment.logits, self.outputs(of: head.pointee, outputs), logits) }
        }
    }

    /// As `cap`: each row in the slices in which it was made.
    func capPatchedHead(_ outputs: Range<Int>, _ logits: LogitRows) {
        for index in 0..<plan.segmentCount {
            let segment = plan.segments[index]
            cap(segment.logits, segment.head.map { self.outputs(of: $0.pointee, outputs) } ?? outputs, logits)
        }
    }

    private func multiply(
        _ matrix: VocabularyMatrix.View, _ range: Range<Int>, _ outputs: Range<Int>, _ logits: LogitRows
    ) {
        if outputs.isEmpty { return }
        if let packed = matrix.packed {
            packed.multiply(inputs.quantized, rows: range, outputs: outputs, into: logits.pointer, stride: logits.stride)
        }
        guard let floats = matrix.floats else { return }
        for row in range {
            Kernels.dots(
                inputs.normed + row * hidden, floats + outputs.lowerBound * hidden, rowCount: outputs.count, count: hidden,
                into: logits.row(row) + outputs.lowerBound)
        }
    }

    private func finish(
        _ head: UnsafePointer<HeadEntry>, _ range: Range<Int>, _ outputs: Range<Int>, _ logits: LogitRows
    ) {
        if outputs.isEmpty { return }
        let (vocabulary, target) = (max(head.pointee.matrix?.rows ?? 0, shape.vocabulary), logits.row(range.lowerBound))
        if head.pointee.linear.element == .int8 {
            head.pointee.linear.expand(
                inputs.shrunkBlocks, block: 0, rows: range, outputs: outputs, width: vocabulary, next: nil, into: logits.pointer,
                yStride: logits.stride)
        } else {
            let stride = scratch.headStride
            head.pointee.linear.expand(
                inputs.shrunk + range.lowerBound * stride, stride: stride, rows: range.count, outputs: outputs, width: vocabulary,
                into: target, yStride: logits.stride)
        }
        head.pointee.linear.finish(target, rows: range.count, outputs: outputs, width: logits.stride, baseBias: nil)
        guard let rows = head.pointee.rows else { return }
        for row in range { rows.multiply(inputs.normed + row * hidden, outputs: outputs, into: logits.row(row)) }
    }
}
