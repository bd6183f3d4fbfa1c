internal import Tensors

/// The weights of an encoder: vectors as f32, tables and matrices in the mapped file.
struct EncoderWeights {
    struct Norm {
        let weight: FloatBuffer
        let bias: FloatBuffer
    }

    struct Layer {
        /// At `projection`: `[outputs, inputs]`.
        let matrices: [TensorView]
        /// At `projection`: `[outputs]`.
        let biases: [FloatBuffer]
        let attentionNorm: Norm
        let outputNorm: Norm
    }

    /// `[vocabulary, hidden]`, looked up in the file.
    let words: TensorView
    /// `[maximumTokens, hidden]`, looked up in the file.
    let positions: TensorView
    /// `[hidden]`: the embedding of token type 0, the type of single texts.
    let type: FloatBuffer
    let embeddingNorm: Norm
    let layers: [Layer]

    /// Errors: `missingTensor`, `unexpectedTensor`, `wrongShape`.
    init(_ files: EncoderFiles) throws(ModelError) {
        let configuration = files.configuration
        let hidden = configuration.hidden
        var read: Set<String> = []
        func tensor(_ name: String, _ shape: [Int]) throws(ModelError) -> TensorView {
            let view = try files.tensor(name, shape)
            read.insert(view.name)
            return view
        }
        func norm(_ name: String) throws(ModelError) -> Norm {
            Norm(
                weight: FloatBuffer(try tensor("\(name).weight", [hidden]).floats()),
                bias: FloatBuffer(try tensor("\(name).bias", [hidden]).floats()))
        }
        words = try tensor("embeddings.word_embeddings.weight", [configuration.vocabulary, hidden])
        positions = try tensor("embeddings.position_embeddings.weight", [configuration.maximumTokens, hidden])
        let types = try tensor("embeddings.token_type_embeddings.weight", [configuration.tokenTypes, hidden])
        type = FloatBuffer(count: hidden)
        types.dequantizeRows(0..<1, into: type.pointer)
        embeddingNorm = try norm("embeddings.LayerNorm")
        var layers: [Layer] = []
        for layer in 0..<configuration.layers {
            let prefix = "encoder.layer.\(layer)"
            var (matrices, biases): ([TensorView], [FloatBuffer]) = ([], [])
            for projection in EncoderProjection.allCases {
                let (outputs, inputs) = projection.shape(in: configuration)
                let name = "\(prefix).\(projection.checkpointName)"
                matrices.append(try tensor("\(name).weight", [outputs, inputs]))
                biases.append(FloatBuffer(try tensor("\(name).bias", [outputs]).floats()))
            }
            layers.append(
                Layer(
                    matrices: matrices, biases: biases,
                    attentionNorm: try norm("\(prefix).attention.output.LayerNorm"),
                    outputNorm: try norm("\(prefix).output.LayerNorm")))
        }
        self.layers = layers
        try files.refuseOthers(than: read)
    }
}

extension EncoderWeights.Norm {
    /// Norms a row in place.
    func apply(_ x: UnsafeMutablePointer<Float>, count: Int, epsilon: Float) {
        Kernels.layerNorm(
            x, weight: weight.pointer, bias: bias.pointer, epsilon: epsilon, count: count, into: x)
    }
}
