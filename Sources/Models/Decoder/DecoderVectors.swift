internal import Tensors

/// The norms and biases of a decoder as f32, in the order of Hugging Face checkpoints. Both paths read them. Norms are what a
/// row is multiplied by, whatever the file's convention.
final class DecoderVectors {
    let finalNorm: FloatBuffer
    /// Of each layer.
    let attentionNorms: [FloatBuffer]
    let feedForwardNorms: [FloatBuffer]
    /// Empty without output norms.
    let attentionOutputNorms: [FloatBuffer]
    let feedForwardOutputNorms: [FloatBuffer]
    /// Empty without head norms.
    let queryNorms: [FloatBuffer]
    let keyNorms: [FloatBuffer]
    /// At `layer * 7 + projection`.
    private let biases: [FloatBuffer?]

    init(_ files: ModelFiles) {
        let configuration = files.configuration
        func vector(_ name: WeightName) -> FloatBuffer {
            FloatBuffer(files.tensor(name).floats().map { $0 + files.normOffset })
        }
        let layers = 0..<configuration.layers
        finalNorm = vector(.finalNorm)
        attentionNorms = layers.map { vector(.attentionNorm($0)) }
        feedForwardNorms = layers.map { vector(.feedForwardNorm($0)) }
        attentionOutputNorms = configuration.outputNorms ? layers.map { vector(.attentionOutputNorm($0)) } : []
        feedForwardOutputNorms = configuration.outputNorms ? layers.map { vector(.feedForwardOutputNorm($0)) } : []
        queryNorms = configuration.headNorms ? layers.map { vector(.queryNorm($0)) } : []
        keyNorms = configuration.headNorms ? layers.map { vector(.keyNorm($0)) } : []
        biases = layers.flatMap { layer in
            Projection.allCases.map { projection in
                guard configuration.biases.contains(projection) else { return nil }
                let values = files.tensor(.bias(layer, projection)).floats()
                return FloatBuffer(files.rowOrder(projection)?.map { values[$0] } ?? values)
            }
        }
    }

    func bias(_ layer: Int, _ projection: Projection) -> UnsafePointer<Float>? {
        (biases[layer * Projection.allCases.count + projection.rawValue]?.pointer).map { UnsafePointer($0) }
    }
}
