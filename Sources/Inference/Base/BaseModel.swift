import ChatTemplates
import Models
import Tensors
import Tokenizers

/// The shared base: weights, tokenizer and chat template. Immutable; adapters add to its results, never to it.
public final class BaseModel: Sendable {
    /// As `/v1/models` lists it.
    public let name: String
    public let decoder: DecoderWeights
    /// The file's values, for adapters that are computed from them.
    public let weights: BaseWeights
    /// The decoder's threads, which also draw tokens.
    let pool: WorkerPool
    public let tokenizer: any Tokenizer
    /// nil for a model that only completes text.
    public let template: ChatTemplate?
    /// For conversations with tools, where the model has one of its own for them.
    public let toolTemplate: ChatTemplate?
    /// Text of the token that ends an answer, for templates.
    public let endOfSequencePiece: String
    /// Text of the token that fills batches; nil where the files name none.
    public let paddingPiece: String?

    public init(
        name: String, decoder: DecoderWeights, weights: BaseWeights, pool: WorkerPool, tokenizer: any Tokenizer,
        template: ChatTemplate?, toolTemplate: ChatTemplate? = nil, endOfSequencePiece: String, paddingPiece: String? = nil
    ) {
        self.name = name
        self.decoder = decoder
        self.weights = weights
        self.pool = pool
        self.tokenizer = tokenizer
        self.template = template
        self.toolTemplate = toolTemplate
        self.endOfSequencePiece = endOfSequencePiece
        self.paddingPiece = paddingPiece
    }

    /// Working memory for steps of up to `maximumRows` rows, by default as many as an engine with default limits uses. The thread that
    /// steps owns one. Errors: `noMemory`.
    public func makeWorkspace(maximumRows: Int = InferenceLimits().maximumRows) throws(ModelError) -> StepWorkspace {
        try StepWorkspace(decoder, pool: pool, maximumRows: maximumRows)
    }
}
