public import Models
internal import Tensors

extension FactExperts {
    /// What the decoder does for a request that means the fact, from the last token of its prompt on. Errors: `malformed` experts that are
    /// not finite or of another decoder, `unavailable` memory.
    public func delta(for configuration: DecoderConfiguration) throws(MemoryError) -> AdapterDelta {
        guard site >= 0, site < configuration.layers, hidden == configuration.hidden, count > 0 else {
            throw MemoryError(
                .malformed,
                "\(count) experts of \(hidden) elements at layer \(site); "
                    + "the base has \(configuration.layers) layers of \(configuration.hidden)")
        }
        var branches = [BranchPatch?](repeating: nil, count: configuration.layers)
        do throws(ModelError) {
            branches[site] = BranchPatch(
                try LowRank(a: inner, transposedB: outer, rank: count, inputs: hidden, outputs: hidden), offsets: FloatBuffer(offsets))
        } catch {
            throw MemoryError(error)
        }
        return AdapterDelta(layers: configuration.layers, branches: branches)
    }
}

extension MemoryError {
    init(_ error: ModelError) { self.init(error.code == .noMemory ? .unavailable : .malformed, error.message, place: error.tensor) }
}
