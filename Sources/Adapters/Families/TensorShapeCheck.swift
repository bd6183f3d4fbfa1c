internal import Models
internal import Tensors

/// Compares a tensor's type and shape with what the base and the configuration ask for.
struct TensorShapeCheck: Sendable {
    /// The base's name.
    let base: String
    /// Ends a message about widths: `; the adapter was trained on …`.
    let trainedOn: String

    /// Nil: it is right. `rankDimension` is the one in which the configuration's rank shows, `vocabularyDimension` the one that counts
    /// tokens; elsewhere a difference says that the adapter was made for another base.
    func problem(
        _ view: TensorView, _ expected: [Int], rankDimension: Int? = nil, vocabularyDimension: Int? = nil
    ) -> AdapterError? {
        guard [.f32, .f16, .bf16].contains(view.dtype) else {
            return AdapterError(
                .wrongShape, "elements are \(view.dtype.name), expected f32, f16 or bf16", file: AdapterFile.weights, tensor: view.name)
        }
        guard view.shape != expected else { return nil }
        let message = "the shape is \(view.shape), expected \(expected)"
        func error(_ code: AdapterError.Code, _ reason: String = "") -> AdapterError {
            AdapterError(code, message + reason, file: AdapterFile.weights, tensor: view.name)
        }
        guard view.shape.count == expected.count else { return error(.wrongShape) }
        let differing = expected.indices.filter { view.shape[$0] != expected[$0] }
        if differing == [rankDimension] { return error(.wrongShape, ": the rank differs from the configuration's") }
        if let vocabularyDimension, differing == [vocabularyDimension] {
            return error(
                .otherBase,
                ": the vocabulary has \(view.shape[vocabularyDimension]) tokens, that of \(base) \(expected[vocabularyDimension])\(trainedOn);"
                    + " embedding and head may have up to \(DecoderWeights.addedTokens) tokens more than the base's, both the same number")
        }
        return error(.otherBase, ": the widths are not those of \(base)\(trainedOn)")
    }
}
