/// A norm of the decoder, as adapters may have one of their own.
public struct NormPlace: Hashable, Sendable {
    public enum Kind: Int, CaseIterable, Sendable {
        /// Before attention, and before the feed-forward, in families with input norms: `[hidden]`.
        case attention, feedForward
        /// Of what the two add, in families with output norms: `[hidden]`.
        case attentionOutput, feedForwardOutput
        /// Of the heads of queries and keys, in families with head norms: `[headDimension]`, or of all heads at once.
        case query, key
    }

    /// `layer * kinds + kind`; the final norm follows the last layer's.
    let index: Int

    init(_ layer: Int, _ kind: Kind) { index = layer * Kind.allCases.count + kind.rawValue }

    /// The norm before the vocabulary projection: `[hidden]`.
    static func final(layers: Int) -> NormPlace { NormPlace(layers, .attention) }

    /// How many a decoder of so many layers may have.
    static func count(layers: Int) -> Int { layers * Kind.allCases.count + 1 }

    /// The norms that a model has, in the order of the forward pass.
    public static func all(in configuration: DecoderConfiguration) -> [NormPlace] {
        let layers = (0..<configuration.layers).flatMap { layer in
            Kind.allCases.filter { $0.isIn(configuration) }.map { NormPlace(layer, $0) }
        }
        return layers + [final(layers: configuration.layers)]
    }

    /// The module in Hugging Face checkpoints: `model.layers.0.input_layernorm`.
    public func path(in configuration: DecoderConfiguration) -> String {
        String(name(in: configuration).checkpoint(in: configuration).dropLast(".weight".count))
    }

    /// What a delta's factors at this place are multiplied by: logits' factor is part of the final norm.
    public func factor(in configuration: DecoderConfiguration) -> Float {
        self == .final(layers: configuration.layers) ? configuration.logitScale : 1
    }

    public func width(in configuration: DecoderConfiguration) -> Int { name(in: configuration).shape(in: configuration)[0] }

    func name(in configuration: DecoderConfiguration) -> WeightName {
        let (layer, kind) = index.quotientAndRemainder(dividingBy: Kind.allCases.count)
        guard layer < configuration.layers else { return .finalNorm }
        return switch Kind.allCases[kind] {
        case .attention: .attentionNorm(layer)
        case .feedForward: .feedForwardNorm(layer)
        case .attentionOutput: .attentionOutputNorm(layer)
        case .feedForwardOutput: .feedForwardOutputNorm(layer)
        case .query: .queryNorm(layer)
        case .key: .keyNorm(layer)
        }
    }
}

extension NormPlace.Kind {
    fileprivate func isIn(_ configuration: DecoderConfiguration) -> Bool {
        switch self {
        case .attention, .feedForward: configuration.inputNorms
        case .attentionOutput, .feedForwardOutput: configuration.outputNorms
        case .query, .key: configuration.headNorms
        }
    }
}

extension DecoderConfiguration {
    /// What norms in Hugging Face checkpoints, and adapters for them, leave out of their factors: Gemma's weights w stand for 1 + w.
    public var checkpointNormOffset: Float { architecture.addsOneToNorms ? 1 : 0 }
}
