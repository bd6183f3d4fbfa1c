internal import Tensors

/// The norms and biases of a decoder as f32, in the order of Hugging Face checkpoints. Both paths read them. A norm's weights are the
/// factors of a row, whatever the file's convention.
final class DecoderVectors: Sendable {
    let finalNorm: FloatBuffer
    /// Of each layer; empty where the stream goes in as it is.
    let attentionNorms: [FloatBuffer]
    let feedForwardNorms: [FloatBuffer]
    /// Empty without output norms.
    let attentionOutputNorms: [FloatBuffer]
    let feedForwardOutputNorms: [FloatBuffer]
    /// Empty without head norms.
    let queryNorms: [FloatBuffer]
    let keyNorms: [FloatBuffer]
    private let biases: LinearTable<FloatBuffer?>

    init(_ files: ModelFiles) {
        let configuration = files.configuration
        func vector(_ name: WeightName) -> FloatBuffer {
            FloatBuffer(files.tensor(name).floats().map { $0 + files.normOffset })
        }
        let layers = 0..<configuration.layers
        finalNorm = vector(.finalNorm)
        if configuration.logitScale != 1 {
            Kernels.multiply(finalNorm.pointer, by: configuration.logitScale, count: configuration.hidden)
        }
        attentionNorms = configuration.inputNorms ? layers.map { vector(.attentionNorm($0)) } : []
        feedForwardNorms = configuration.inputNorms ? layers.map { vector(.feedForwardNorm($0)) } : []
        attentionOutputNorms = configuration.outputNorms ? layers.map { vector(.attentionOutputNorm($0)) } : []
        feedForwardOutputNorms = configuration.outputNorms ? layers.map { vector(.feedForwardOutputNorm($0)) } : []
        queryNorms = configuration.headNorms ? layers.map { vector(.queryNorm($0)) } : []
        keyNorms = configuration.headNorms ? layers.map { vector(.keyNorm($0)) } : []
        biases = LinearTable(layers: configuration.layers) { place in
            guard configuration.has(place.projection), configuration.biases.contains(place.projection) else { return nil }
            let values = files.tensor(.bias(place.layer, place.projection)).floats()
            return FloatBuffer(files.rowOrder(place.projection)?.map { values[$0] } ?? values)
        }
    }

    func bias(_ place: LinearPlace) -> UnsafePointer<Float>? { (biases[place]?.pointer).map { UnsafePointer($0) } }
}
