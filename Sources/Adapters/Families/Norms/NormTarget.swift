internal import Models
internal import Tensors

/// A norm that an adapter replaces.
struct NormTarget: Sendable {
    let place: NormPlace
    /// `model.layers.0.input_layernorm`
    let path: String
    /// `[width]`, in the convention of Hugging Face checkpoints.
    let weight: TensorView

    /// `input_layernorm`
    var shortName: String { String(path.split(separator: ".").last ?? "") }

    /// The factors of rows; nil: they are the base's. The reader keeps the elements. Errors: `nonFinite`.
    func factors(_ reader: ElementReader, _ base: BaseModules) throws(AdapterError) -> FloatBuffer? {
        let view = try reader.read(weight)
        try ElementLimit.check(view)
        let factors = values(view, base)
        let scale = place.factor(in: base.configuration)
        return base.weights.map { $0.norm(place) == factors } == true ? nil : FloatBuffer(scale == 1 ? factors : factors.map { $0 * scale })
    }

    /// The length of the change; the elements are there.
    func change(_ base: BaseModules) -> Double {
        let own = values(weight, base)
        let before = base.weights?.norm(place) ?? [Float](repeating: 0, count: own.count)
        return zip(own, before).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }.squareRoot()
    }

    private func values(_ view: TensorView, _ base: BaseModules) -> [Float] {
        view.floats().map { $0 + base.configuration.checkpointNormOffset }
    }
}
