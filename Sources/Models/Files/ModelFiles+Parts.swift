/// What the rows of the files' tensors are to the decoder.
extension ModelFiles {
    /// Rows of a tensor of the files that are a tensor of the decoder.
    struct Part: Sendable {
        /// Of all rows of the tensor there.
        var rows: Range<Int>
        var weight: WeightName
    }

    /// By the tensors' names in the files. A tensor that the decoder does not read has no entry; a tied head that is written out is a part
    /// nevertheless.
    func parts() -> [String: [Part]] {
        var parts: [String: [Part]] = [:]
        for weight in WeightName.all(in: configuration) + (configuration.tiedHead ? [.head] : []) {
            let source = WeightSource(weight, in: configuration, isGGUF: isGGUF)
            let name = prefix.spelled(source.name)
            guard let view = storedTensors[name] else { continue }
            parts[name, default: []].append(Part(rows: source.rows ?? 0..<view.rows, weight: weight))
        }
        return parts
    }

    /// The name that a head has in such files.
    var headName: String { prefix.spelled(isGGUF ? WeightName.head.gguf : WeightName.head.checkpoint(in: configuration)) }
}
