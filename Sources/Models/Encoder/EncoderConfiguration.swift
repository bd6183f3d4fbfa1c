internal import JSON

/// The shape of a BERT-style encoder (arXiv 1810.04805): absolute positions, token types, norms after each residual sum.
///
/// One layer, for a row `x`:
///
///     a = attention(Wq x + bq, Wk x + bk, Wv x + bv);  x = layerNorm(x + Wo a + bo)
///     x = layerNorm(x + Wd gelu(Wi x + bi) + bd)
public struct EncoderConfiguration: Sendable, Equatable {
    public enum Activation: Sendable {
        /// With the error function.
        case gelu
        /// With the hyperbolic tangent.
        case geluTanh
    }

    /// Of the folder.
    public var name: String
    public var vocabulary: Int
    public var hidden: Int
    public var layers: Int
    /// Of `hidden / heads` elements each.
    public var heads: Int
    public var feedForward: Int
    /// Positions that have an embedding: the longest text, special tokens included.
    public var maximumTokens: Int
    public var tokenTypes: Int
    public var normEpsilon: Float
    public var activation: Activation

    public var headDimension: Int { hidden / heads }

    /// Reads a `config.json` of `transformers`. Errors: `malformed`, `unsupported`, `invalidConfiguration`.
    init(huggingFace json: JSONValue, name: String, file: String) throws(ModelError) {
        do throws(JSONError) {
            try self.init(reading: JSONCursor(json), name: name)
        } catch {
            throw error.path == nil
                ? ModelError(.unsupported, error.message, file: file)
                : ModelError(.malformed, error.description, file: file)
        }
        try validate(file: file)
    }

    /// An option that is not implemented is thrown as an error without a path.
    private init(reading config: JSONCursor, name: String) throws(JSONError) {
        let type = try config["model_type"].string()
        guard type == "bert" else {
            throw JSONError(.invalidValue, "encoder type \(type.debugDescription) is not implemented; bert is")
        }
        let positions = try config["position_embedding_type"].optionalString() ?? "absolute"
        guard positions == "absolute" else {
            throw JSONError(.invalidValue, "\(positions.debugDescription) positions are not implemented; absolute ones are")
        }
        let spelling = try config["hidden_act"].optionalString() ?? "gelu"
        switch spelling {
        case "gelu": activation = .gelu
        case "gelu_new", "gelu_pytorch_tanh": activation = .geluTanh
        default:
            throw JSONError(.invalidValue, "activation \(spelling.debugDescription) is not implemented; gelu is")
        }
        self.name = name
        vocabulary = try config["vocab_size"].int()
        hidden = try config["hidden_size"].int()
        layers = try config["num_hidden_layers"].int()
        heads = try config["num_attention_heads"].int()
        feedForward = try config["intermediate_size"].int()
        maximumTokens = try config["max_position_embeddings"].optionalInt() ?? 512
        tokenTypes = try config["type_vocab_size"].optionalInt() ?? 2
        normEpsilon = Float(try config["layer_norm_eps"].optionalDouble() ?? 1e-12)
    }

    private func validate(file: String) throws(ModelError) {
        let sizes = [
            ("the vocabulary", vocabulary, 1 << 20), ("the hidden size", hidden, 1 << 16), ("the number of layers", layers, 1 << 10),
            ("the number of attention heads", heads, 1 << 10), ("the feed-forward size", feedForward, 1 << 20),
            ("the number of positions", maximumTokens, 1 << 16), ("the number of token types", tokenTypes, 1 << 10),
        ]
        for (what, value, limit) in sizes where value < 1 || value > limit {
            throw ModelError(.invalidConfiguration, "\(what) is \(value), expected 1 to \(limit)", file: file)
        }
        guard hidden % heads == 0 else {
            throw ModelError(
                .invalidConfiguration, "the hidden size \(hidden) is no multiple of \(heads) attention heads", file: file)
        }
        guard normEpsilon.isFinite, normEpsilon >= 0, normEpsilon < 1 else {
            throw ModelError(.invalidConfiguration, "the norm epsilon is \(normEpsilon)", file: file)
        }
    }
}

extension EncoderConfiguration {
    /// The layer whose input is kept besides that of the first: after two thirds of the layers, where states distinguish topics best.
    var middleLayer: Int { min((2 * layers + 1) / 3, layers - 1) }
}
