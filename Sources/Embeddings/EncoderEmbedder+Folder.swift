public import Models
public import Tensors
import Tokenizers

extension Encoder: HiddenStateSource {
    public var hiddenSize: Int { configuration.hidden }
    public var mostTokens: Int { configuration.maximumTokens }

    public func hiddenStates(
        of texts: [[Int32]], _ body: (_ text: Int, _ encoded: EncodedText) -> Void
    ) throws {
        try encode(texts, body: body)
    }
}

extension EncoderEmbedder {
    /// The encoder in a folder, with its tokenizer and pooling; named after the folder unless `name` is given.
    ///
    /// Errors: `ModelError`, `TokenizerError`, `EmbeddingError`. Cost: reads the weights once, and packs them when `fast`.
    public convenience init(
        folder: String, name: String? = nil, precision: ModelPrecision, pool: WorkerPool
    ) throws {
        let settings = try EncoderSettings(folder: folder)
        let tokenizer = try WordPieceTokenizer.load(folder: folder)
        let encoder = try Encoder(folder: folder, precision: precision, pool: pool)
        guard tokenizer.vocabularySize <= encoder.configuration.vocabulary else {
            throw EmbeddingError(
                .malformed,
                "the tokenizer has \(tokenizer.vocabularySize) tokens, the encoder \(encoder.configuration.vocabulary)",
                file: "\(folder)/tokenizer.json")
        }
        self.init(
            name: name ?? encoder.configuration.name,
            identity: try EncoderFolder.identity(folder, precision: "\(precision)"), tokenizer: tokenizer, encoder: encoder,
            settings: settings)
    }
}
