internal import Models
internal import Tensors

/// A linear module to which an adapter adds a product of two matrices that are computed from its tensors when it is loaded:
/// `y = W x + scale * B (A x)`, exactly. Families differ in how A and B come from the file; serving them is serving a LoRA.
protocol FactoredTarget: AdapterTarget {
    /// Of the product; 0: the module stays as it is.
    var rank: Int { get }
    /// The factor that is not in A and B.
    var scale: Double { get }

    /// A and B from the target's `tensors`, which come in that order and have their elements. Cost: `O(rank * (inputs + outputs))` unless a
    /// family says otherwise. Errors: `nonFinite`.
    func factors(_ tensors: [TensorView]) throws(AdapterError) -> Factors
}

/// Two matrices in f32, row-major.
struct Factors {
    /// `[rank, inputs]`
    var a: [Float]
    /// `[outputs, rank]`
    var b: [Float]
}

extension FactoredTarget {
    /// The product as a LoRA of the same module. Errors: those of `factors`.
    func pair(_ tensors: [TensorView]) throws(AdapterError) -> LoRATarget {
        for tensor in tensors { try ElementLimit.check(tensor) }
        let made = try factors(tensors)
        let name = tensors.first?.name ?? module.path
        return LoRATarget(
            module: module, rank: rank, scale: scale, a: try Self.matrix(name, [rank, module.inputs], made.a),
            b: try Self.matrix(name, [module.outputs, rank], made.b), bias: nil, magnitude: nil, isDecomposed: false)
    }

    /// Named as the tensor that an error should name.
    private static func matrix(_ name: String, _ shape: [Int], _ values: [Float]) throws(AdapterError) -> TensorView {
        guard let view = values.withUnsafeBytes({ TensorView(name: name, dtype: .f32, shape: shape, copying: $0) }) else {
            throw AdapterError(.wrongShape, "\(values.count) elements for \(shape)", file: AdapterFile.weights, tensor: name)
        }
        return view
    }
}
