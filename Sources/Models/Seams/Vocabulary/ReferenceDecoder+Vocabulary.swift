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
        add(head.linear, x, inputs: hidden, rows: count, to: target, outputs: vocabulary)
        head.linear.finish(target, rows: count, outputs: 0..<vocabulary, width: vocabulary, baseBias: nil)
        for row in 0..<count { head.rows?.multiply(x + row * hidden, outputs: 0..<vocabulary, into: target + row * vocabulary) }
    }
}
