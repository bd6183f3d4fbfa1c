internal import Tensors

/// What a product fetches for the products after it: the adapters' matrices, which are short streams, and the start of the next
/// product's weights.
extension FastStep {
    /// Ranges that a band adds to one list: two for B, and one for A of each projection of a phase.
    static let fetchesPerBand = 5

    func fetch(_ place: LinearPlace, _ projection: Projection, _ outputs: Range<Int>) -> Kernels.Fetch {
        var list = Kernels.Fetch(scratch.fetches, after: weights(after: place), rows: rows)
        let width = linears[place].pointee.outputs
        let next = place.advanced(by: projection.toNextPhase)
        let maps = next < end ? FastPhase.of(linears[next].pointee.projection.rawValue).count : 0
        for number in 0..<plan.bandCount {
            guard let patches = plan.bands[number].patches else { continue }
            patches[place].pointee.addB(to: &list, outputs: outputs, width: width)
        }
        // The largest product of a phase fetches the next phase's A.
        guard projection.placeInPhase == 0 else { return list }
        for number in 0..<plan.bandCount {
            let band = plan.bands[number]
            guard let patches = band.patches, !inputSlice.clamped(to: band.rowRange).isEmpty else { continue }
            for number in 0..<maps {
                let linear = next.advanced(by: number)
                patches[linear].pointee.addA(to: &list, inputs: linears[linear].pointee.inputs)
            }
        }
        return list
    }

    /// The place after the last linear map.
    private var end: LinearPlace { LinearPlace.all(layers: shape.layers).upperBound }

    /// Where this thread's part of the weights after a linear layer's begins; after the last layer's the head's.
    private func weights(after place: LinearPlace) -> UnsafeRawPointer {
        var next = place.advanced(by: 1)
        while next < end {
            let linear = linears[next]
            let outputs = outputs(of: linear.pointee.projection, linear.pointee.outputs)
            if !outputs.isEmpty { return linear.pointee.matrix.start(outputs.lowerBound) }
            next = next.advanced(by: 1)
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
