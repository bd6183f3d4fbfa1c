internal import Tensors

/// The methods that look at one element at a time.
extension CheckedMerge {
    /// `sum of weight * source`, divided by the sum of the weights with `normalize` (Wortsman et al. 2022). PyTorch's `addcmul` rounds each
    /// product with its sum once.
    func linear(_ pass: MergePass, _ output: MergeOutput) throws(MergeError) {
        let weights = sources.map { Float($0.number("weight")) }
        let divisor = flag("normalize") ? TorchSum.of(weights) : 1
        try pass.run(buffers: 2) { block throws(MergeError) in
            let (sum, values) = (block.buffers[0], block.buffers[1])
            sum.update(repeating: 0, count: block.count)
            for (source, weight) in zip(sources, weights) {
                try source.reader.read(block.rows, into: values)
                Kernels.addProduct(values, weight, to: sum, count: block.count)
            }
            if divisor != 1 { for index in 0..<block.count { sum[index] /= divisor } }
            try output(block.rows, sum)
        }
    }

    /// The one source, times `scale` if there is one.
    func passthrough(_ pass: MergePass, _ output: MergeOutput) throws(MergeError) {
        guard let scale = only.values["scale"] else { return try copy(only, pass, output) }
        try pass.run(buffers: 1) { block throws(MergeError) in
            try only.reader.read(block.rows, into: block.buffers[0])
            Kernels.multiply(block.buffers[0], by: Float(scale), count: block.count)
            try output(block.rows, block.buffers[0])
        }
    }

    /// The other source where it is near the base, the base moved by at most `t` elsewhere.
    func nearswap(_ pass: MergePass, _ output: MergeOutput) throws(MergeError) {
        let t = Float(number("t"))
        try pass.run(buffers: readBuffers) { block throws(MergeError) in
            try read(block)
            let (other, base) = (block.buffers[0], block.buffers[1])
            for index in 0..<block.count {
                let (from, to) = (base[index], other[index])
                // PyTorch divides a number by a tensor as the product with its reciprocal.
                let share = 1 / max(abs(from - to), 1e-6) * t
                let weight = min(max(share, 0), 1)
                other[index] = weight * to + (1 - weight) * from
            }
            try output(block.rows, other)
        }
    }
}
