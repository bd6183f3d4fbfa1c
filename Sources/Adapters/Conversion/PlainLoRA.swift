internal import JSON
internal import Models
internal import Tensors

/// The plain LoRA with the same effect as a delta that only adds low-rank products (VeRA, rank-stabilised LoRA).
struct PlainLoRA {
    let document: JSONObject
    let tensors: [TensorView]

    /// The delta is in f32. Errors: `unsupported`, with the reason, for a delta that does more.
    init(_ delta: AdapterDelta, summary: AdapterSummary) throws(AdapterError) {
        if let reason = Self.reason(delta) {
            throw AdapterError(.unsupported, "this \(summary.family) is not exactly a LoRA: \(reason)")
        }
        let patches = (0..<delta.layers).flatMap { layer in
            Projection.allCases.compactMap { projection in
                delta[layer, projection].map { ("model.layers.\(layer).\(projection.checkpointName)", $0) }
            }
        }
        let hasBias = patches.contains { $0.1.bias != nil }
        var tensors: [TensorView] = []
        var modules: [LoRADocument.Module] = []
        for (path, patch) in patches {
            guard let pair = patch.lowRank else {
                throw AdapterError(.unsupported, "this \(summary.family) is not exactly a LoRA: it only adds a bias to \(path)")
            }
            modules.append(.init(path: path, rank: pair.rank, alpha: Double(pair.scale) * Double(pair.rank)))
            let (a, transposed) = pair.factors
            var b = [Float](repeating: 0, count: transposed.count)
            for rank in 0..<pair.rank {
                for output in 0..<pair.outputs { b[output * pair.rank + rank] = transposed[rank * pair.outputs + output] }
            }
            tensors += [
                Self.tensor(LoRAPart.a.name(in: path), [pair.rank, pair.inputs], a),
                Self.tensor(LoRAPart.b.name(in: path), [pair.outputs, pair.rank], b),
            ].compactMap { $0 }
            guard hasBias else { continue }
            let bias = (0..<pair.outputs).map { (patch.bias?.pointer[$0] ?? 0) / pair.scale }
            tensors += [Self.tensor(LoRAPart.bias.name(in: path), [pair.outputs], bias)].compactMap { $0 }
        }
        self.tensors = tensors
        document = LoRADocument(modules: modules, baseModelName: summary.baseModelName, hasBias: hasBias).json
    }

    private static func tensor(_ name: String, _ shape: [Int], _ values: [Float]) -> TensorView? {
        values.withUnsafeBytes { TensorView(name: name, dtype: .f32, shape: shape, copying: $0) }
    }

    /// Why no LoRA has the same effect; nil when one has.
    private static func reason(_ delta: AdapterDelta) -> String? {
        if !delta.invocation.isEmpty { return "it begins at its invocation tokens (aLoRA), and a plain LoRA acts on every token" }
        if delta.isLowRank { return nil }
        if delta.embedding != nil || delta.head != nil { return "it changes the embedding or the head as well" }
        if !delta.ownNorms.isEmpty { return "it has norms of its own as well" }
        if !delta.ownExperts.isEmpty { return "it changes the base's experts as well" }
        let patches = (0..<delta.layers).flatMap { layer in Projection.allCases.compactMap { delta[layer, $0] } }
        if patches.contains(where: { $0.outputScale != nil && $0.lowRank != nil }) {
            return "it scales the rows of the base's matrices (DoRA), a change of full rank; peft's convert_to_lora comes near to it"
        }
        if patches.contains(where: { $0.outputScale != nil || $0.inputScale != nil }) {
            return "it scales rows or columns of the base's matrices, a change of full rank"
        }
        return "what it does depends on its input: it chooses among experts"
    }
}
