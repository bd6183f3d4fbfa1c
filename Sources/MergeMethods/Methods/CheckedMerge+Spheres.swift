internal import Glibc
internal import Tensors

/// Means of several sources on a sphere. All is reckoned with their inner products; the elements are read again for the result only.
extension CheckedMerge {
    /// The weighted mean of the directions, with the weighted mean of the norms; of changes where there is a base.
    ///
    /// mergekit goes on from that mean along the sum of its tangents, which is zero there but for rounding: only `eps` turns it, by cos(eps).
    func multislerp(_ pass: MergePass, _ output: MergeOutput) throws(MergeError) {
        guard sources.count > 1 else { return try copy(only, pass, output) }
        var weights = sources.map { Float($0.number("weight")) }
        if flag("normalize_weights") {
            let sum = TorchSum.of(weights)
            weights = weights.map { $0 / sum }
        }
        let eps = number("eps")
        let gram = try GramMatrix(count: sources.count, buffers: readBuffers, pass: pass, read: readChanges)
        let norms = sources.indices.map(gram.norm)
        let directions = zip(weights, norms).map { Double($0) / ($1 + eps) }
        let norm = max(0, gram.product(directions, directions)).squareRoot()
        // Below it the mean is rounding.
        if norm < max(eps, 1e-7) || norm.isNaN {
            guard sources.count == 2 || norms.allSatisfy({ $0 == 0 }) else {
                throw unsupported(
                    "multislerp cannot merge \(sources.map(\.name).joined(separator: ", ")): their weighted directions cancel each other, so the mean has none; change the weights"
                )
            }
            return try sum(weights, pass, output)
        }
        let length = zip(weights, norms).reduce(0) { $0 + Double($1.0) * $1.1 }
        try combine(directions.map { $0 / norm * cos(eps) * length }, pass, output)
    }

    /// The Karcher mean of the directions by steps along the sphere, with the mean of the norms.
    func karcher(_ pass: MergePass, _ output: MergeOutput) throws(MergeError) {
        guard sources.count > 1 else { return try copy(only, pass, output) }
        let gram = try GramMatrix(count: sources.count, buffers: sources.count, pass: pass, read: read)
        let norms = sources.indices.map(gram.norm)
        let tolerance = number("tol")
        let valid = sources.indices.filter { norms[$0] > tolerance }
        var factors = [Double](repeating: 0, count: sources.count)
        if !valid.isEmpty {
            let units = GramMatrix(count: valid.count) { gram[valid[$0], valid[$1]] / norms[valid[$0]] / norms[valid[$1]] }
            let mean = Self.mean(units, tolerance: tolerance, steps: Int(number("max_iter")))
            let length = norms.reduce(0, +) / Double(sources.count)
            for (place, index) in valid.enumerated() { factors[index] = length * mean[place] / norms[index] }
        }
        try combine(factors, pass, output)
    }

    /// Factors of the unit vectors whose products are given.
    private static func mean(_ units: GramMatrix, tolerance: Double, steps: Int) -> [Double] {
        let share = 1 / Double(units.count)
        func norm(_ vector: [Double]) -> Double { max(0, units.product(vector, vector)).squareRoot() }
        func unit(_ index: Int) -> [Double] { (0..<units.count).map { $0 == index ? 1 : 0 } }
        var mean = [Double](repeating: share, count: units.count)
        let length = norm(mean)
        mean = length < tolerance ? unit(0) : mean.map { $0 / length }
        for _ in 0..<steps {
            var tangent = [Double](repeating: 0, count: units.count)
            for index in 0..<units.count {
                let cosine = min(max(units.product(mean, unit(index)), -1), 1)
                let angle = acos(cosine)
                // To the opposite point there is no one way; f64 cannot tell ways this near to it.
                guard angle >= tolerance, .pi - angle > 1e-6 else { continue }
                let factor = share * angle / sin(angle)
                for place in 0..<units.count { tangent[place] += factor * ((place == index ? 1 : 0) - cosine * mean[place]) }
            }
            let step = norm(tangent)
            guard step >= tolerance else { break }
            mean = zip(mean, tangent).map { cos(step) * $0 + sin(step) / step * $1 }
            let length = norm(mean)
            if length > tolerance { mean = mean.map { $0 / length } }
        }
        return mean
    }

    /// `sum of factor * source`, plus the base.
    private func combine(_ factors: [Double], _ pass: MergePass, _ output: MergeOutput) throws(MergeError) {
        try pass.run(buffers: readBuffers) { block throws(MergeError) in
            try readChanges(block)
            let result = block.buffers[0]
            Kernels.combine(
                block.inputs, factors: factors, sourceCount: factors.count, base: baseBuffer(block), count: block.count, into: result)
            try output(block.rows, result)
        }
    }

    private func sum(_ weights: [Float], _ pass: MergePass, _ output: MergeOutput) throws(MergeError) {
        try pass.run(buffers: readBuffers) { block throws(MergeError) in
            try readChanges(block)
            let result = block.buffers[0]
            Kernels.vote(
                block.inputs, weights: weights, changeCount: weights.count, rule: .init(vote: .everyone), base: baseBuffer(block),
                count: block.count, into: result)
            try output(block.rows, result)
        }
    }
}
