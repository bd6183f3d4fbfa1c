package import Tensors

/// A base's weights with an adapter's changes in them, as a model of its own would have them: rows of the tensors of the base's files, under
/// their names and in their order, in f32.
///
/// Of a linear map `W' = outputScale * (W * inputScale + scale * B A)`; of the vocabulary and of norms what the seams say. A tied head that
/// the adapter changes in another way than the embedding becomes a tensor of its own.
package struct AdaptedWeights: Sendable {
    private let files: ModelFiles
    private let delta: AdapterDelta
    private let parts: [String: [ModelFiles.Part]]
    /// By the names of a checkpoint; a tied head that the adapter changes by itself is among them.
    private let checkpointNames: [String: WeightName]
    /// The factors of rows.
    private let norms: [WeightName: FloatBuffer]
    /// For query and key: the row in Hugging Face's order of each row of the file; nil: the same.
    private let rowsInModel: [[Int]?]
    /// The model must say that its head is not its embedding, although the base's is.
    package let untiesHead: Bool
    /// The head that the files do not have, and that the adapted model needs.
    package let untiedHead: String?

    /// - Parameter delta: of f32 elements, for this base. Errors: `unsupported`, with the reason, for what is no change of weights.
    package init(_ files: ModelFiles, _ delta: AdapterDelta) throws(ModelError) {
        try delta.checkChangesWeights(of: files.configuration)
        (self.files, self.delta) = (files, delta)
        parts = files.parts()
        let configuration = files.configuration
        norms = Dictionary(uniqueKeysWithValues: delta.ownNorms.map { place, factors in
            let scale = place.factor(in: configuration)
            return (place.name(in: configuration), FloatBuffer((0..<factors.count).map { factors.pointer[$0] / scale }))
        })
        rowsInModel = Projection.allCases.map { projection in
            files.rowOrder(projection).map { order in
                var inverse = [Int](repeating: 0, count: order.count)
                for (row, stored) in order.enumerated() { inverse[stored] = row }
                return inverse
            }
        }
        checkpointNames = Dictionary(
            (WeightName.all(in: configuration) + [.head]).map { ($0.checkpoint(in: configuration), $0) }, uniquingKeysWith: { first, _ in first })
        untiesHead = configuration.tiedHead && !delta.keepsTie
        untiedHead = untiesHead && files.storedTensors[files.headName] == nil ? files.headName : nil
    }

    package var embeddingType: DType { files.tensor(.embedding).dtype }

    /// Shape of a tensor; nil: the model has none of that name.
    package func shape(of name: String) -> [Int]? {
        name == untiedHead ? WeightName.head.shape(in: files.configuration) : files.storedTensors[name]?.shape
    }

    /// Whether the adapter changes something of the tensor of the files.
    package func changes(_ name: String) -> Bool {
        name == untiedHead || (parts[name] ?? []).contains { changes($0.weight) }
    }

    private func changes(_ weight: WeightName) -> Bool {
        switch weight {
        case .weight(let layer, let projection):
            guard let patch = delta[layer, projection] else { return false }
            return patch.lowRank != nil || patch.inputScale != nil || patch.outputScale != nil
        case .bias(let layer, let projection): return delta[layer, projection]?.bias != nil
        case .embedding: return delta.embedding != nil
        case .head: return delta.head != nil
        case .router, .expert: return expertUpdate(weight) != nil
        default: return norms[weight] != nil
        }
    }

    /// Writes `[rows.count, columns]` of a tensor of floating-point or quantised elements, which has those rows. Cost: that of reading the
    /// base's rows, and `O(rows * columns * rank)`.
    package func read(_ rows: Range<Int>, of name: String, into target: UnsafeMutablePointer<Float>) {
        if name == untiedHead {
            files.tensor(.embedding).dequantizeRows(rows, into: target)
            return adaptHead(rows, target)
        }
        guard let view = files.storedTensors[name] else { preconditionFailure("\(name) is no tensor of \(files.path)") }
        view.dequantizeRows(rows, into: target)
        for part in parts[name] ?? [] {
            let own = rows.clamped(to: part.rows)
            guard !own.isEmpty else { continue }
            let first = part.rows.lowerBound
            adapt(
                part.weight, own.lowerBound - first..<own.upperBound - first, target + (own.lowerBound - rows.lowerBound) * view.columns,
                columns: view.columns, isCheckpoint: false)
        }
    }

    /// Whether the adapter changes a tensor of a checkpoint.
    package func changes(checkpoint name: String) -> Bool { checkpointNames[name].map(changes) ?? false }

    /// Makes of the base's rows of a tensor of a checkpoint, which are in `target`, those of the adapted model. Rows are in the checkpoint's
    /// order, and norms as it has them. Of a tied head the base's rows are those of the embedding.
    package func adapt(_ rows: Range<Int>, ofCheckpoint name: String, in target: UnsafeMutablePointer<Float>) {
        guard let weight = checkpointNames[name] else { return }
        adapt(weight, rows, target, columns: weight.shape(in: files.configuration).last ?? 1, isCheckpoint: true)
    }

    /// Throws `malformed` when the base's files became shorter while they were read.
    package func checkWhole() throws(ModelError) { try files.checkWhole() }

    /// - Parameters:
    ///   - rows: in the order of the files, or of a checkpoint.
    private func adapt(
        _ weight: WeightName, _ rows: Range<Int>, _ values: UnsafeMutablePointer<Float>, columns: Int, isCheckpoint: Bool
    ) {
        switch weight {
        case .weight(let layer, let projection):
            guard let patch = delta[layer, projection] else { return }
            let order = isCheckpoint ? nil : rowsInModel[projection.rawValue]
            patch.adapt(rows.map { order?[$0] ?? $0 }, values, columns: columns)
        case .bias(let layer, let projection):
            guard let bias = delta[layer, projection]?.bias else { return }
            let order = isCheckpoint ? nil : rowsInModel[projection.rawValue]
            for place in 0..<columns { values[place] += bias.pointer[order?[place] ?? place] }
        case .embedding:
            guard let patch = delta.embedding else { return }
            let entry = EmbeddingEntry(patch)
            for (place, token) in rows.enumerated() {
                let row = values + place * columns
                _ = entry.read(token, into: row)
                entry.finish(token, row, hidden: columns)
            }
        case .head: adaptHead(rows, values)
        case .router, .expert: expertUpdate(weight)?.add(Array(rows), to: values)
        default:
            guard let own = norms[weight] else { return }
            let offset = isCheckpoint ? files.configuration.checkpointNormOffset : files.normOffset
            for place in 0..<own.count { values[place] = own.pointer[place] - offset }
        }
    }

    /// What is added to a router or to a map of an expert of the base.
    private func expertUpdate(_ weight: WeightName) -> LowRank? {
        switch weight {
        case .router(let layer) where layer < delta.ownExperts.count: delta.ownExperts[layer]?.router
        case .expert(let layer, let expert, let projection) where layer < delta.ownExperts.count:
            delta.ownExperts[layer]?.experts[expert][projection]
        default: nil
        }
    }

    private func adaptHead(_ tokens: Range<Int>, _ values: UnsafeMutablePointer<Float>) {
        guard let patch = delta.head else { return }
        let columns = files.configuration.hidden
        if let matrix = patch.matrix?.view {
            for (place, token) in tokens.enumerated() { matrix.read(token, into: values + place * columns) }
        }
        patch.linear.adapt(Array(tokens), values, columns: columns)
        guard let rows = patch.rows?.view else { return }
        for (place, token) in tokens.enumerated() {
            if let row = rows.row(of: token) { (values + place * columns).update(from: row, count: columns) }
        }
    }
}

extension LinearPatch {
    /// `W' = outputScale * (W * inputScale + scale * B A)` of some rows; `values` holds those of W.
    fileprivate func adapt(_ rows: [Int], _ values: UnsafeMutablePointer<Float>, columns: Int) {
        if let inputScale {
            for place in rows.indices { Kernels.multiply(values + place * columns, elementwise: inputScale.pointer, count: columns) }
        }
        lowRank?.add(rows, to: values)
        if let outputScale {
            for (place, row) in rows.enumerated() { Kernels.multiply(values + place * columns, by: outputScale.pointer[row], count: columns) }
        }
    }
}

extension LowRank {
    /// `values += scale * B A` of some rows, `[rows, inputs]`. Elements are f32.
    fileprivate func add(_ rows: [Int], to values: UnsafeMutablePointer<Float>) {
        precondition(element == .f32, "rows of a pair in \(element.rawValue) were asked for, expected f32")
        let b = b.assumingMemoryBound(to: Float.self)
        let coefficients = FloatBuffer(count: rows.count * rank)
        for (place, row) in rows.enumerated() {
            let factor = scale * (outputFactors?.pointer[row] ?? 1)
            for index in 0..<rank {
                coefficients.pointer[place * rank + index] = factor * b[index * outputs + row] * (rankFactors?.pointer[index] ?? 1)
            }
        }
        Kernels.lowRankExpand(
            coefficients.pointer, stride: rank, rows: rows.count, b: a, element: .f32, rank: rank, outputs: 0..<inputs, totalOutputs: inputs,
            into: values, outputStride: inputs)
    }
}

extension AdapterDelta {
    /// The embedding and a head that is the same matrix are changed in the same way.
    fileprivate var keepsTie: Bool {
        guard embedding != nil || head != nil else { return true }
        return embedding?.lowRank == nil && embedding?.outputScale == nil && head?.linear.isEmpty != false
            && embedding?.table === head?.matrix && embedding?.rows === head?.rows
    }

    /// Errors: `unsupported` for an effect that weights cannot have.
    fileprivate func checkChangesWeights(of base: DecoderConfiguration) throws(ModelError) {
        func refuse(_ reason: String, at place: String? = nil) -> ModelError { ModelError(.unsupported, reason, tensor: place) }
        guard invocation.isEmpty else {
            throw refuse("it acts only behind its invocation tokens (aLoRA), and weights act on every token: serve it beside the base")
        }
        guard routers.isEmpty else {
            throw refuse("its routers choose experts for every token, which no weights of the base can do: serve it beside the base")
        }
        for layer in 0..<layers where branch(layer) != nil {
            throw refuse("it adds a branch beside the feed-forward of layer \(layer), for which the base has no weights: serve it beside the base")
        }
        guard base.architecture != .gptOSS || ownExperts.allSatisfy({ $0 == nil }) else {
            throw refuse("it changes experts of GPT-OSS, whose files hold them turned and with gate and up in turn: serve it beside the base")
        }
        let added = addedTokens(beside: base.vocabulary)
        guard added == 0 else {
            throw refuse("it has \(added) tokens of its own, and the base's tokenizer stays as it is: serve it beside the base")
        }
        if head?.linear.bias != nil {
            throw refuse("it adds a bias to the head, for which the base's files have no tensor: train without lora_bias", at: "lm_head")
        }
        for layer in 0..<layers {
            for projection in Projection.allCases where self[layer, projection]?.bias != nil && !base.biases.contains(projection) {
                throw refuse(
                    "it adds a bias, for which the base's files have no tensor: train without lora_bias",
                    at: "model.layers.\(layer).\(projection.checkpointName)")
            }
        }
    }
}
