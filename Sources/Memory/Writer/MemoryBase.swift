public import ChatTemplates
public import Models
public import Tokenizers

/// What writing facts needs of a base model.
public struct MemoryBase: Sendable {
    /// As people call it.
    public let name: String
    /// `ModelFiles.identity`: calibrations and stores are of one base.
    public let identity: String
    public let weights: DecoderWeights
    public let tokenizer: any Tokenizer
    /// Nil: the base only completes text; a fact's answer follows its question directly.
    public let template: ChatTemplate?
    /// Text of the token that ends an answer, for the template.
    public let endOfSequence: String

    public init(
        name: String, identity: String, weights: DecoderWeights, tokenizer: any Tokenizer, template: ChatTemplate?, endOfSequence: String
    ) {
        self.name = name
        self.identity = identity
        self.weights = weights
        self.tokenizer = tokenizer
        self.template = template
        self.endOfSequence = endOfSequence
    }

    var configuration: DecoderConfiguration { weights.configuration }
}
