internal import Tensors

extension ReferenceDecoder {
    /// The logits of one segment, by its adapter's head or the base's.
    func head(_ segment: RowPlan.Segment, _ weights: TensorView, _ logits: UnsafeMutablePointer<Float>) {
        let (count, hidden, vocabulary) = (segment.logits.count, configuration.hidden, configuration.vocabulary)
        guard count > 0 else { return }
        let (x, target) = (normed.pointer + segment.logits.lowerBound * hidden, logits + segment.logits.lowerBound * vocabulary)
        if let own = segment.head?.pointee.matrix?.floats {
            BLAS.multiply(x: x, w: own, into: target, rows: count, inputs: hidden, outputs: vocabulary)
        } else {
            matrix.multiply(weights, x, rows: count, into: target)
        }
        guard let head = segment.head?.pointee else { return }
        add(
            head.linear, x, inputs: hidden, rows: count, to: target, outputs: 0..<vocabulary, width: max(head.matrix?.rows ?? 0, vocabulary),
            stride: vocabulary)
        head.linear.finish(target, rows: count, outputs: 0..<vocabulary, width: vocabulary, baseBias: nil)
        for row in 0..<count { head.rows?.multiply(x + row * hidden, outputs: 0..<vocabulary, into: target + row * vocabulary) }
    }

    /// The logits of tokens that the segment's adapter has beside the base's, in rows that lie apart.
    func addedTokens(_ segment: RowPlan.Segment, _ logits: LogitRows) {
        let (count, hidden, vocabulary) = (segment.logits.count, configuration.hidden, configuration.vocabulary)
        guard count > 0, let head = segment.head?.pointee, let own = head.matrix, let floats = own.floats, own.rows > vocabulary else { return }
        let (x, target) = (normed.pointer + segment.logits.lowerBound * hidden, logits.row(segment.logits.lowerBound))
        let added = vocabulary..<own.rows
        for row in 0..<count {
            Kernels.dots(
                x + row * hidden, floats + vocabulary * hidden, rowCount: added.count, count: hidden, into: target + row * logits.stride + vocabulary)
        }
        add(head.linear, x, inputs: hidden, rows: count, to: target, outputs: added, width: own.rows, stride: logits.stride)
        head.linear.finish(target, rows: count, outputs: added, width: logits.stride, baseBias: nil)
        for row in 0..<count { head.rows?.multiply(x + row * hidden, outputs: added, into: target + row * logits.stride) }
        guard configuration.logitSoftCap > 0 else { return }
        for row in 0..<count { Kernels.softCap(target + row * logits.stride + vocabulary, cap: configuration.logitSoftCap, count: added.count) }
    }
}
