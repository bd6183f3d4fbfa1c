/// What is known of the base model's weights, for clients that show it.
public struct BaseModelFacts: Sendable, Equatable {
    /// As GGUF files spell it: `llama`, `qwen3`.
    public var architecture: String
    /// Of the weights: changes with them.
    public var identity: String
    public var parameters: Int
    /// The type of most matrices in the file, like `q4_0`.
    public var elementType: String
    /// Bytes of weights in memory; 0 where they are read from the file.
    public var weightBytes: Int
    public var layers: Int
    /// Width of the residual stream.
    public var hidden: Int
    public var feedForward: Int
    public var heads: Int
    public var keyValueHeads: Int
    public var vocabulary: Int

    public init(
        architecture: String, identity: String, parameters: Int, elementType: String, weightBytes: Int, layers: Int, hidden: Int,
        feedForward: Int, heads: Int, keyValueHeads: Int, vocabulary: Int
    ) {
        self.architecture = architecture
        self.identity = identity
        self.parameters = parameters
        self.elementType = elementType
        self.weightBytes = weightBytes
        self.layers = layers
        self.hidden = hidden
        self.feedForward = feedForward
        self.heads = heads
        self.keyValueHeads = keyValueHeads
        self.vocabulary = vocabulary
    }
}
