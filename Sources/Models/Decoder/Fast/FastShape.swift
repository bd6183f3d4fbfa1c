/// The values of a configuration that a fast step's loops read. Copying them counts no references, unlike `DecoderConfiguration`.
struct FastShape {
    let vocabulary: Int
    let hidden: Int
    let layers: Int
    let heads: Int
    let keyValueHeads: Int
    let headDimension: Int
    let queryWidth: Int
    let keyValueWidth: Int
    let feedForward: Int
    let normEpsilon: Float
    let attentionScale: Float
    let rotaryDimension: Int
    let normsWholeHeads: Bool
    let attentionSoftCap: Float
    let logitSoftCap: Float
    let residualScale: Float
    let embeddingScale: Float
    let outputNorms: Bool
    let activation: DecoderConfiguration.Activation

    init(_ configuration: DecoderConfiguration) {
        vocabulary = configuration.vocabulary
        hidden = configuration.hidden
        layers = configuration.layers
        heads = configuration.heads
        keyValueHeads = configuration.keyValueHeads
        headDimension = configuration.headDimension
        queryWidth = configuration.queryWidth
        keyValueWidth = configuration.keyValueWidth
        feedForward = configuration.feedForward
        normEpsilon = configuration.normEpsilon
        attentionScale = configuration.attentionScale
        rotaryDimension = configuration.rotaryDimension
        normsWholeHeads = configuration.normsWholeHeads
        attentionSoftCap = configuration.attentionSoftCap
        logitSoftCap = configuration.logitSoftCap
        residualScale = configuration.residualScale
        embeddingScale = configuration.embeddingScale
        outputNorms = configuration.outputNorms
        activation = configuration.activation
    }
}
