internal import MergeMethods

extension MergePlan {
    /// The work of one tensor on its sources.
    func work(_ tensor: MergedTensor, seed: UInt64) -> TensorMerge {
        let readers = self.readers(tensor)
        let names = tensor.inputs.map { "\(sources[$0.source].reference)" }
        let own = TensorMerge.seed(seed, tensor: tensor.name)
        if tensor.work == .passThrough {
            return TensorMerge(.passthrough, shape: tensor.shape, terms: [MergeTerm(names[0], reader: readers[0])], tensor: tensor.name)
        }
        let terms = tensor.inputs.indices.map { index in
            MergeTerm(names[index], reader: readers[index], values: tensor.inputs[index].values, isBase: index == tensor.base)
        }
        return TensorMerge(recipe.method, shape: tensor.shape, terms: terms, values: tensor.shared, seed: own, tensor: tensor.name)
    }

    /// Of a tensor's inputs, in their order, with rows where the result has them.
    private func readers(_ tensor: MergedTensor) -> [any TensorReader] {
        var readers: [any TensorReader] = []
        for input in tensor.inputs {
            guard let reader = sources[input.source].tensors[input.name] else { preconditionFailure("\(input.name) was planned") }
            let isRounded = recipe.dtype == .bf16 && (reader.dtype != .bf16 || reader.stored == nil)
            readers.append(isRounded ? RoundedTensor(tensor: reader, columns: reader.shape.last ?? 1) : reader)
        }
        guard tensor.movesRows, let vocabulary else { return readers }
        // Rows are the base's also under methods that treat it as any other model.
        let base = tensor.inputs.firstIndex { sources[$0.source].reference == recipe.baseModel }
        let rows = vocabulary.tokenRows(tensor.inputs.map(\.source), base: base)
        return readers.indices.map { TokenRowsReader($0, of: readers, columns: tensor.shape.last ?? 1, rows: rows) }
    }
}
