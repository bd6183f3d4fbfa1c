internal import Models
internal import Tensors

/// LoRA of matrices that hold several projections one after the other (Phi-3's `qkv_proj` and `gate_up_proj`): A is the projections' common
/// one, and each has its rows of B, of the bias and of DoRA's magnitudes.
extension BaseModules {
    private static let fused: [(name: String, parts: [Projection])] = [
        ("self_attn.qkv_proj", [.query, .key, .value]), ("mlp.gate_up_proj", [.gate, .up]),
    ]

    /// The one that begins with a projection.
    static func fused(from first: Projection) -> (name: String, parts: [Projection])? { fused.first { $0.parts.first == first } }

    /// The modules as they are in the base's checkpoint, where an adapter's tensors name fused ones; else the projections, as the adapters
    /// have them that are tuned here.
    func asNamed(in content: AdapterContent) -> BaseModules {
        let endings = Self.fused.map { ".\($0.name)." }
        guard configuration.isFused, content.weights.tensors.keys.contains(where: { name in endings.contains(where: name.contains) }) else {
            return self
        }
        return BaseModules(configuration, weights: weights, linears: linears.compactMap(joined))
    }

    /// The fused module that begins with a projection; nil for the others of it; the module itself where it is not fused.
    private func joined(_ module: Linear) -> Linear? {
        guard let fused = Self.fused.first(where: { $0.parts.contains(module.projection) }) else { return module }
        guard module.projection == fused.parts.first else { return nil }
        let path = "model.layers.\(module.layer).\(fused.name)"
        let parts = fused.parts.map { projection in
            Linear(
                path: path, suffixes: [], layer: module.layer, projection: projection, outputs: projection.shape(in: configuration).outputs,
                inputs: module.inputs)
        }
        return Linear(
            path: path, suffixes: ModuleSelection.suffixes(path), layer: module.layer, projection: module.projection,
            outputs: parts.reduce(0) { $0 + $1.outputs }, inputs: module.inputs, parts: parts)
    }
}

extension LoRATarget {
    /// The whole tensors of a fused module, of which a target has some rows.
    struct Whole: Sendable {
        let b: TensorView
        let bias: TensorView?
        let magnitude: TensorView?
        let rows: Range<Int>
        /// The target that counts the module's tensors.
        let isFirst: Bool
    }

    /// A target for each projection of a fused module; this one where it is not fused.
    var split: [LoRATarget] {
        if module.parts.isEmpty { return [self] }
        var end = 0
        return module.parts.map { part in
            let rows = end..<end + part.outputs
            defer { end = rows.upperBound }
            return LoRATarget(
                module: part, rank: rank, scale: scale, a: a, b: b.slice(rows), bias: bias?.slice(rows), magnitude: magnitude?.slice(rows),
                isDecomposed: isDecomposed, whole: Whole(b: b, bias: bias, magnitude: magnitude, rows: rows, isFirst: rows.lowerBound == 0))
        }
    }

    /// The same of a fused module, whose tensors are read whole.
    func read(_ whole: Whole, _ reader: ElementReader) throws(AdapterError) -> LoRATarget {
        let bias: TensorView? = if let bias = whole.bias { try reader.read(bias).slice(whole.rows) } else { nil }
        let magnitude: TensorView? = if let magnitude = whole.magnitude { try reader.read(magnitude).slice(whole.rows) } else { nil }
        return LoRATarget(
            module: module, rank: rank, scale: scale, a: try reader.read(a), b: try reader.read(whole.b).slice(whole.rows), bias: bias,
            magnitude: magnitude, isDecomposed: isDecomposed)
    }
}
