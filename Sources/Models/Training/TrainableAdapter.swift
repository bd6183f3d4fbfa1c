public import Tensors

/// An adapter in training: f32 parameters in one buffer, and their gradients in another of the same layout.
///
/// Isolation: its tuner owns it. A `TrainingWorkspace` reads the parameters and adds to the gradients during a step; between steps the
/// tuner writes parameters and calls `parametersChanged`.
public final class TrainableAdapter {
    public let configuration: DecoderConfiguration
    /// In the order of the buffers: layer after layer, projection after projection.
    public let tensors: [ParameterTensor]
    public let parameters: FloatBuffer
    public let gradients: FloatBuffer
    let maps: LinearTable<TrainableMap?>
    /// The greatest padded rank of a map.
    let largestRank: Int
    /// Some map scales its output, so that gradients need the unscaled product.
    public let scalesOutputs: Bool
    /// Some map scales its input.
    let scalesInputs: Bool

    /// Parameters are zero until the tuner sets them. Errors: `noMemory`.
    ///
    /// - Parameter form: of each map that is trained; nil leaves it as it is.
    public init(_ configuration: DecoderConfiguration, form: (LinearPlace) -> TrainableForm?) throws(ModelError) {
        self.configuration = configuration
        var tensors: [ParameterTensor] = []
        var forms: [(place: LinearPlace, form: TrainableForm, first: Int)] = []
        var count = 0
        for place in LinearPlace.all(layers: configuration.layers) {
            guard let form = form(place) else { continue }
            forms.append((place, form, tensors.count))
            for (kind, rows, columns) in form.tensors(place.projection.shape(in: configuration)) {
                tensors.append(ParameterTensor(place: place, kind: kind, rows: rows, columns: columns, offset: count))
                count += rows * columns
            }
        }
        do throws(ResourceError) {
            parameters = try FloatBuffer(count, for: "parameters of an adapter")
            gradients = try FloatBuffer(count, for: "gradients of an adapter")
            var maps = LinearTable<TrainableMap?>(layers: configuration.layers, repeating: nil)
            for (place, form, first) in forms {
                let own = tensors[first...].prefix { $0.place == place }
                maps[place] = try TrainableMap(
                    form, place.projection.shape(in: configuration), Array(own), parameters: parameters.pointer,
                    gradients: gradients.pointer)
            }
            self.maps = maps
        } catch {
            throw ModelError(error)
        }
        self.tensors = tensors
        largestRank = maps.values.reduce(0) { max($0, $1?.paddedRank ?? 0) }
        scalesOutputs = maps.values.contains { $0?.outputScale != nil }
        scalesInputs = maps.values.contains { $0?.inputScale != nil }
    }

    /// Bytes of parameters, gradients and the copies that products read.
    public var byteCount: Int { 8 * parameters.count + maps.values.reduce(0) { $0 + ($1?.copyBytes ?? 0) } }

    /// The parameters of one tensor.
    public func values(_ tensor: ParameterTensor) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(start: parameters.pointer + tensor.offset, count: tensor.count)
    }

    /// The gradient of one tensor.
    public func gradient(_ tensor: ParameterTensor) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(start: gradients.pointer + tensor.offset, count: tensor.count)
    }

    /// After parameters were written: makes the forms of them that steps read. Cost: a pass over the parameters, and for DoRA a product
    /// of rank rows with each matrix.
    public func parametersChanged(_ weights: DecoderWeights, pool: WorkerPool) {
        let maps = maps.values
        pool.run { thread in
            for index in stride(from: thread, to: maps.count, by: pool.threads) { maps[index]?.pack() }
        }
        for place in LinearPlace.all(layers: configuration.layers) {
            guard let map = self.maps[place], map.magnitude != nil else { continue }
            map.updateNorms(WeightRows(weights, place), pool: pool)
        }
    }

    /// Before the first micro-batch of an optimiser step.
    public func clearGradients() { gradients.pointer.update(repeating: 0, count: gradients.count) }
}
