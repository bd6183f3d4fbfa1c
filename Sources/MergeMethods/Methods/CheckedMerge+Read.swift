internal import Tensors

extension CheckedMerge {
    /// Buffers that `read` fills: the sources', and the base's after them.
    var readBuffers: Int { sources.count + (base == nil ? 0 : 1) }

    /// The base of a block after `read`.
    func baseBuffer(_ block: MergeBlock) -> UnsafeMutablePointer<Float>? { base == nil ? nil : block.buffers[sources.count] }

    /// Reads the sources into the first buffers, and the base into the next.
    func read(_ block: MergeBlock) throws(MergeError) {
        for (index, source) in sources.enumerated() { try source.reader.read(block.rows, into: block.buffers[index]) }
        if let base { try base.reader.read(block.rows, into: block.buffers[sources.count]) }
    }

    /// The same, with the base subtracted from the sources if there is one.
    func readChanges(_ block: MergeBlock) throws(MergeError) {
        try read(block)
        guard let base = baseBuffer(block) else { return }
        for index in sources.indices { Kernels.subtract(base, from: block.buffers[index], count: block.count) }
    }
}
