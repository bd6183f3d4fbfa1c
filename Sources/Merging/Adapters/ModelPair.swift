internal import Adapters
internal import MergeMethods
internal import Models
internal import Tensors

/// Two models of equal shapes, and how they differ. Rows and factors are as in Hugging Face checkpoints, whatever kinds of files they are.
struct ModelPair {
    let configuration: DecoderConfiguration
    private let base: ModelFiles
    private let tuned: ModelFiles
    private let weights: (base: BaseWeights, tuned: BaseWeights)

    /// Errors: `mismatch`, which names what differs.
    init(_ base: ModelFiles, _ tuned: ModelFiles) throws(MergeError) {
        let (one, other) = (base.configuration, tuned.configuration)
        let sizes: [(String, Int, Int)] = [
            ("layers", one.layers, other.layers), ("hidden size", one.hidden, other.hidden), ("feed-forward", one.feedForward, other.feedForward),
            ("width of queries", one.queryWidth, other.queryWidth), ("width of keys", one.keyValueWidth, other.keyValueWidth),
            ("vocabulary", one.vocabulary, other.vocabulary), ("experts", one.experts?.count ?? 0, other.experts?.count ?? 0),
        ]
        if let (name, first, second) = sizes.first(where: { $0.1 != $0.2 }) {
            throw MergeError(.mismatch, "\(name): \(second), and the base \(base.path) has \(first): expected two models of one shape", file: tuned.path)
        }
        guard one.architecture == other.architecture, one.biases == other.biases, one.tiedHead || !other.tiedHead else {
            throw MergeError(
                .mismatch, "\(other.architecture.rawValue), which differs in architecture, biases or a tied head from the base \(base.path)", file: tuned.path)
        }
        (self.base, self.tuned, configuration) = (base, tuned, one)
        weights = (BaseWeights(base), BaseWeights(tuned))
    }

    /// `[outputs, inputs]` of a linear map. Errors: `nonFinite`, `changed`.
    func difference(_ layer: Int, _ projection: Projection, _ path: String) throws(MergeError) -> [Float] {
        let (outputs, inputs) = projection.shape(in: configuration)
        return try difference(rows: outputs, columns: inputs, path) { weights, rows, target in
            weights.read(rows, of: layer, projection, into: target)
        }
    }

    /// `[outputs]`; nil where the biases are equal, or none.
    func biasDifference(_ layer: Int, _ projection: Projection, _ path: String) throws(MergeError) -> [Float]? {
        guard let one = weights.base.bias(of: layer, projection), let other = weights.tuned.bias(of: layer, projection) else { return nil }
        let difference = zip(other, one).map { $0 - $1 }
        try MergeError.checkFinite(difference, 0..<1, columns: difference.count, file: tuned.path, tensor: "\(path).bias")
        return difference.contains { $0 != 0 } ? difference : nil
    }

    /// Norms of the tuned model that differ, as the checkpoint has them.
    func addNorms(to merged: inout MergedLoRA) throws(MergeError) {
        for place in NormPlace.all(in: configuration) {
            let own = weights.tuned.norm(place)
            guard own != weights.base.norm(place) else { continue }
            let path = place.path(in: configuration)
            try MergeError.checkFinite(own, 0..<1, columns: own.count, file: tuned.path, tensor: "\(path).weight")
            let stored = own.map { $0 - configuration.checkpointNormOffset }
            merged.saved.append(.init(path: path, shape: [own.count], values: FloatBuffer(stored)))
        }
    }

    /// Embedding and head that differ, whole. A head that is tied in both models is saved with the embedding.
    func addVocabulary(to merged: inout MergedLoRA, isLeftOut: Bool) throws(MergeError) {
        let size = [configuration.vocabulary, configuration.hidden]
        let parts: [(path: String, read: (BaseWeights, Range<Int>, UnsafeMutablePointer<Float>) -> Void)] = [
            ("model.embed_tokens", { $0.readEmbedding($1, into: $2) }), ("lm_head", { $0.readHead($1, into: $2) }),
        ]
        for (path, read) in parts {
            let difference = try difference(rows: size[0], columns: size[1], path, read)
            guard difference.contains(where: { $0 != 0 }) else { continue }
            guard !isLeftOut else {
                let norm = difference.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
                merged.notices.append("\(path) differs by \(Float(norm)) (Frobenius norm) and was left out")
                continue
            }
            let values = FloatBuffer(count: size[0] * size[1])
            read(weights.tuned, 0..<size[0], values.pointer)
            merged.saved.append(.init(path: path, shape: size, values: values))
        }
        weights.base.giveBack()
        weights.tuned.giveBack()
    }

    /// Experts and routers that differ are named: a LoRA of them is not extracted.
    func checkExperts(_ merged: inout MergedLoRA) throws(MergeError) {
        guard configuration.experts != nil else { return }
        let names = base.storedTensors.keys.filter { $0.contains("experts") || $0.contains("_exps") || $0.contains("gate") }.sorted()
        var changed: [String] = []
        for name in names {
            guard let one = base.storedTensors[name], let other = tuned.storedTensors[name], one.dtype == other.dtype, one.shape == other.shape else {
                changed.append(name)
                continue
            }
            if !one.withUnsafeBytes({ one in other.withUnsafeBytes { one.elementsEqual($0) } }) { changed.append(name) }
        }
        if let first = changed.first {
            merged.notices.append("\(changed.count) tensors of experts and routers differ, the first \(first): they are lost")
        }
    }

    private func difference(
        rows: Int, columns: Int, _ path: String, _ read: (BaseWeights, Range<Int>, UnsafeMutablePointer<Float>) -> Void
    ) throws(MergeError) -> [Float] {
        let step = BaseWeights.sliceRows(columns)
        let slice = FloatBuffer(count: min(step, rows) * columns)
        var difference = [Float](repeating: 0, count: rows * columns)
        for first in stride(from: 0, to: rows, by: step) {
            let range = first..<min(first + step, rows)
            let count = range.count * columns
            for (weights, sign, file) in [(weights.tuned, Float(1), tuned.path), (weights.base, -1, base.path)] {
                read(weights, range, slice.pointer)
                try MergeError.checkFinite(slice.pointer, range, columns: columns, file: file, tensor: "\(path).weight")
                for index in 0..<count { difference[first * columns + index] += sign * slice.pointer[index] }
            }
        }
        do throws(ModelError) {
            try base.checkWhole()
            try tuned.checkWhole()
        } catch {
            throw MergeError(.changed, error.message, file: error.file, tensor: "\(path).weight")
        }
        weights.base.giveBack()
        weights.tuned.giveBack()
        return difference
    }
}
