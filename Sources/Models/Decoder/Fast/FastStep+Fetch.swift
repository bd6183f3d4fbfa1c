internal import Tensors

/// What a product of a layer asks of memory for those after it: the adapters' matrices, which come in short streams, and the
/// start of the next product's weights.
extension FastStep {
    /// Ranges that a span adds to one list: two for B, and A of as many projections as a phase has.
    static let fetchesPerSpan = 5

    func fetch(_ index: Int, _ projection: Projection, _ outputs: Range<Int>) -> Kernels.Fetch {
        var list = Kernels.Fetch(scratch.fetches, after: weights(after: index), rows: rows)
        let width = linears[index].outputs
        let next = index + projection.toNextPhase
        let phase = next < shape.layers * Projection.allCases.count ? FastPhase.of(next % Projection.allCases.count) : 0..<0
        for number in 0..<plan.spanCount {
            guard let patches = plan.spans[number].patches else { continue }
            patches[index].addB(to: &list, outputs: outputs, width: width)
        }
        // The largest product of a phase fetches the next phase's A.
        guard projection.placeInPhase == 0 else { return list }
        for number in 0..<plan.spanCount {
            let span = plan.spans[number]
            guard let patches = span.patches, !inputSlice.clamped(to: span.rowRange).isEmpty else { continue }
            for place in phase {
                let patch = next + place - phase.lowerBound
                patches[patch].addA(to: &list, inputs: linears[patch].inputs)
            }
        }
        return list
    }

    /// Where this thread's part of the weights after a linear layer's begins; after the last layer's the head's.
    private func weights(after index: Int) -> UnsafeRawPointer {
        for next in index + 1..<shape.layers * Projection.allCases.count {
            let outputs = outputs(of: linears[next].projection, linears[next].outputs)
            if !outputs.isEmpty { return linears[next].matrix.start(outputs.lowerBound) }
        }
        return headWeights.start(outputSlice(shape.vocabulary).lowerBound)
    }
}

extension Projection {
    /// From the first projection of a phase to the first of the next.
    fileprivate var toNextPhase: Int {
        switch self {
        case .query: 3
        case .key, .gate: 2
        case .value, .output, .up, .down: 1
        }
    }
}
