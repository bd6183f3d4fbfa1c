import Generation
import Models

extension BaseModel {
    /// For clients that show it. Norms and biases are not counted.
    var facts: BaseModelFacts {
        let shape = decoder.configuration
        let attention = 2 * shape.hidden * (shape.heads + shape.keyValueHeads) * shape.headDimension
        let layer = attention + 3 * shape.hidden * shape.feedForward * (shape.experts?.count ?? 1)
        let table = shape.vocabulary * shape.hidden
        return BaseModelFacts(
            architecture: shape.architecture.rawValue, identity: weights.identity,
            parameters: shape.layers * layer + (shape.tiedHead ? 1 : 2) * table, elementType: weights.elementType,
            weightBytes: decoder.weightBytes, layers: shape.layers, hidden: shape.hidden, feedForward: shape.feedForward,
            heads: shape.heads, keyValueHeads: shape.keyValueHeads, vocabulary: shape.vocabulary)
    }
}
