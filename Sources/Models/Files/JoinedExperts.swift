internal import Tensors
internal import Weights

/// A part of what GPT-OSS's checkpoints hold of all experts of a layer together: `[experts, inputs, outputs]`, or rows of mxfp4 as blocks
/// `[experts, outputs, inputs / 32, 16]` beside exponents `[experts, outputs, inputs / 32]`. Outputs of gate and up take turns.
struct JoinedExperts {
    /// Of the tensor that holds numbers.
    let shape: [Int]
    /// Of one expert, or the biases of all of them: nil.
    private let expert: Int?
    /// Of its outputs: those of gate and up together, or of down.
    private let (all, outputs, inputs, first, step): (Int, Int, Int, Int, Int)
    private let experts: Int

    /// Nil for other weights.
    init?(_ weight: WeightName, in configuration: DecoderConfiguration) {
        guard configuration.architecture == .gptOSS, let layout = configuration.experts else { return nil }
        let part: Projection
        switch weight {
        case .expert(_, let number, let projection): (expert, part) = (number, projection)
        case .expertBias(_, let projection): (expert, part) = (nil, projection)
        default: return nil
        }
        (outputs, inputs) = part.shape(in: configuration)
        (all, first, step) = part == .down ? (outputs, 0, 1) : (2 * outputs, part == .up ? 1 : 0, 2)
        experts = layout.count
        shape = expert == nil ? [experts, all] : [experts, inputs, all]
    }

    func names(_ source: some TensorSource, _ name: String) -> [String] {
        isBlocks(source, name) ? ["\(name)_blocks", "\(name)_scales"] : [name]
    }

    private func isBlocks(_ source: some TensorSource, _ name: String) -> Bool { expert != nil && source.tensors["\(name)_blocks"] != nil }

    func view(_ source: some TensorSource, _ name: String) throws(WeightsError) -> TensorView {
        if let expert, isBlocks(source, name) { return try blocks(source, name, expert) }
        let whole = try source.weights(name, shape: shape)
        guard [.f32, .f16, .bf16].contains(whole.dtype) else {
            throw WeightsError(.unsupported, "elements are \(whole.dtype.name), expected f32, f16, bf16 or mxfp4", file: source.path, tensor: name)
        }
        let maker: PickedElements
        if let expert {
            maker = PickedElements(whole, first: expert * inputs * all + first, rowStep: step, columnStep: all, columns: inputs)
        } else {
            maker = PickedElements(whole, first: first, rowStep: all, columnStep: step, columns: outputs)
        }
        return try made(name, whole.dtype, expert == nil ? [experts, outputs] : [outputs, inputs], maker, source)
    }

    private func blocks(_ source: some TensorSource, _ name: String, _ expert: Int) throws(WeightsError) -> TensorView {
        guard inputs % 32 == 0 else {
            throw WeightsError(.wrongShape, "\(inputs) inputs are no whole number of blocks of 32", file: source.path, tensor: "\(name)_blocks")
        }
        let numbers = try source.tensor("\(name)_blocks", shape: [experts, all, inputs / 32, 16])
        let exponents = try source.tensor("\(name)_scales", shape: [experts, all, inputs / 32])
        for view in [numbers, exponents] where view.dtype != .u8 {
            throw WeightsError(.unsupported, "elements are \(view.dtype.name), expected u8", file: source.path, tensor: view.name)
        }
        return try made(
            name, .mxfp4, [outputs, inputs], JoinedBlocks(numbers: numbers, exponents: exponents, first: expert * all + first, step: step), source)
    }

    private func made(
        _ name: String, _ type: DType, _ shape: [Int], _ maker: any RowMaker, _ source: some TensorSource
    ) throws(WeightsError) -> TensorView {
        guard let view = TensorView(name: name, dtype: type, shape: shape, made: maker) else {
            throw WeightsError(.wrongShape, "a part of the shape \(shape) is no matrix of whole blocks", file: source.path, tensor: name)
        }
        return view
    }
}
