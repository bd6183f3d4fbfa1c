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
    /// `[heads]` of each layer; empty without sinks.
    let sinks: [FloatBuffer]
    /// `[experts]` of each layer, and `[experts, outputs]` of gate, up and down, layer after layer; empty without them.
    let routerBiases: [FloatBuffer]
    let expertBiases: [FloatBuffer]
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
        func plain(_ name: WeightName) -> FloatBuffer { FloatBuffer(files.tensor(name).floats()) }
        let hasBiases = configuration.experts?.hasBiases ?? false
        sinks = configuration.hasSinks ? layers.map { plain(.sinks($0)) } : []
        routerBiases = hasBiases ? layers.map { plain(.routerBias($0)) } : []
        expertBiases = hasBiases ? layers.flatMap { layer in Projection.ofExperts.map { plain(.expertBias(layer, $0)) } } : []
        biases = LinearTable(layers: configuration.layers) { place in
            guard configuration.has(place.projection), configuration.biases.contains(place.projection) else { return nil }
            let values = files.tensor(.bias(place.layer, place.projection)).floats()
            return FloatBuffer(files.rowOrder(place.projection)?.map { values[$0] } ?? values)
        }
    }

    /// Of one part of a layer's experts; `outputs` of an expert.
    func expertBias(_ layer: Int, _ expert: Int, _ part: Int, outputs: Int) -> UnsafePointer<Float>? {
        expertBiases.isEmpty ? nil : UnsafePointer(expertBiases[3 * layer + part].pointer + expert * outputs)
    }

    func bias(_ place: LinearPlace) -> UnsafePointer<Float>? { (biases[place]?.pointer).map { UnsafePointer($0) } }
}
