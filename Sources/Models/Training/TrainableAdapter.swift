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
    /// By layer; nil: the feed-forward is the base's, with its linear maps' changes.
    let feedForwards: [TrainableFeedForward?]
    /// By layer; nil: none.
    let branches: [TrainableBranch?]
    /// Nil: embedding and head are the base's.
    let vocabulary: TrainableVocabulary?
    /// Nil: none is added to the loss.
    public let balance: BalanceLoss?
    /// The balance loss of the next backward pass counts so many times: the share of its micro-batch in the step.
    public var balanceWeight: Float = 1
    /// The greatest padded rank of a map.
    let largestRank: Int
    /// Some map scales its output, so that gradients need the unscaled product.
    public let scalesOutputs: Bool
    /// Some map scales its input.
    let scalesInputs: Bool

    /// An adapter of linear maps alone.
    ///
    /// - Parameter form: of each map that is trained; nil leaves it as it is.
    public convenience init(_ configuration: DecoderConfiguration, form: (LinearPlace) -> TrainableForm?) throws(ModelError) {
        let places = LinearPlace.all(layers: configuration.layers)
        let forms = places.compactMap { place in form(place).map { (place, $0) } }
        try self.init(configuration, TrainableForms(linear: Dictionary(uniqueKeysWithValues: forms)))
    }

    /// Parameters are zero until the tuner sets them. Errors: `noMemory`; `wrongShape` for a token that is not in the vocabulary.
    public init(_ configuration: DecoderConfiguration, _ forms: TrainableForms) throws(ModelError) {
        self.configuration = configuration
        let tokens = (forms.vocabulary?.embeddingTokens ?? []) + (forms.vocabulary?.headTokens ?? [])
        if let token = tokens.first(where: { !(0..<configuration.vocabulary ~= Int($0)) }) {
            throw ModelError(.wrongShape, "token \(token) is to be trained, the vocabulary has \(configuration.vocabulary)")
        }
        var tensors: [ParameterTensor] = []
        var count = 0
        func add(_ place: ParameterTensor.Place, _ shapes: [ParameterTensor.Shape]) {
            for shape in shapes {
                tensors.append(ParameterTensor(place, shape, offset: count))
                count += shape.rows * shape.columns
            }
        }
        for layer in 0..<configuration.layers {
            let mixture = forms.feedForward[layer]
            for projection in Projection.allCases {
                let (place, shape) = (LinearPlace(layer, projection), projection.shape(in: configuration))
                precondition(
                    mixture == nil || !FeedForwardMixture.projections.contains(projection) || forms.linear[place] == nil,
                    "layer \(layer) has a mixture and a form for \(projection.checkpointName)")
                if let form = forms.linear[place] { add(.linear(place), form.tensors(shape)) }
                if let experts = mixture?[projection] { add(.linear(place), experts.tensors(shape)) }
            }
            if let mixture {
                add(.feedForward(layer: layer), [.init(kind: .router, rows: mixture.experts, columns: configuration.hidden)])
            }
        }
        for layer in 0..<configuration.layers {
            if let form = forms.branches[layer] { add(.feedForward(layer: layer), form.tensors(hidden: configuration.hidden)) }
        }
        for (place, shape) in forms.vocabulary?.tensors(configuration) ?? [] { add(place, [shape]) }
        do throws(ResourceError) {
            let parameters = try FloatBuffer(count, for: "parameters of an adapter")
            let gradients = try FloatBuffer(count, for: "gradients of an adapter")
            func map(_ place: LinearPlace, _ form: TrainableForm) throws(ResourceError) -> TrainableMap {
                try TrainableMap(
                    form, place.projection.shape(in: configuration), tensors.filter { $0.place == .linear(place) },
                    parameters: parameters.pointer, gradients: gradients.pointer)
            }
            var maps = LinearTable<TrainableMap?>(layers: configuration.layers, repeating: nil)
            var feedForwards: [TrainableFeedForward?] = []
            for layer in 0..<configuration.layers {
                for projection in Projection.allCases {
                    let place = LinearPlace(layer, projection)
                    if let form = forms.linear[place] { maps[place] = try map(place, form) }
                }
                let router = tensors.first { $0.place == .feedForward(layer: layer) && $0.kind == .router }
                guard let mixture = forms.feedForward[layer], let router else {
                    feedForwards.append(nil)
                    continue
                }
                func experts(_ projection: Projection) throws(ResourceError) -> TrainableMap? {
                    guard let form = mixture[projection] else { return nil }
                    return try map(LinearPlace(layer, projection), .experts(form, mixture.selection))
                }
                feedForwards.append(
                    TrainableFeedForward(
                        router: TrainableRouter(
                            mixture.selection, router, parameters: parameters.pointer, gradients: gradients.pointer),
                        gate: try experts(.gate), up: try experts(.up), down: try experts(.down)))
            }
            branches = try (0..<configuration.layers).map { layer throws(ResourceError) in
                guard let form = forms.branches[layer] else { return nil }
                precondition(form.mean == nil || form.mean?.count == configuration.hidden, "a branch's mean has not the width of the stream")
                let own = tensors.filter { $0.place == .feedForward(layer: layer) && $0.kind != .router }
                let map = try TrainableMap(
                    .lowRank(rank: form.rank, scale: form.scale), (configuration.hidden, configuration.hidden), own,
                    parameters: parameters.pointer, gradients: gradients.pointer)
                return TrainableBranch(map: map, mean: form.mean)
            }
            if let form = forms.vocabulary {
                vocabulary = try TrainableVocabulary(
                    form, configuration, tensors, parameters: parameters.pointer, gradients: gradients.pointer)
            } else {
                vocabulary = nil
            }
            (self.parameters, self.gradients, self.maps, self.feedForwards) = (parameters, gradients, maps, feedForwards)
        } catch {
            throw ModelError(error)
        }
        self.tensors = tensors
        balance = forms.balance
        largestRank = maps.values.reduce(0) { max($0, $1?.paddedRank ?? 0) }
        scalesOutputs = maps.values.contains { $0?.outputScale != nil }
        scalesInputs = maps.values.contains { $0?.inputScale != nil }
    }

    private var allMaps: [TrainableMap] { maps.values.compactMap { $0 } + feedForwards.flatMap { $0?.maps ?? [] } + branches.compactMap { $0?.map } + (vocabulary?.maps ?? []) }

    /// The most experts of one of its routers; 0: it has none.
    var mostExperts: Int {
        max(maps.values.reduce(0) { max($0, $1?.router?.experts ?? 0) }, feedForwards.reduce(0) { max($0, $1?.router.experts ?? 0) })
    }

    /// Whether something in a layer or below it is trained.
    func trains(_ layer: Int) -> Bool {
        vocabulary?.trainsEmbedding == true || feedForwards[layer] != nil || branches[layer] != nil
            || Projection.allCases.contains { maps[LinearPlace(layer, $0)] != nil }
    }

    /// Bytes of parameters, gradients and the copies that products read.
    public var byteCount: Int { 8 * parameters.count + allMaps.reduce(0) { $0 + $1.copyBytes } }

    /// Of a tensor of token rows: whose.
    public func tokens(_ tensor: ParameterTensor) -> [Int32] {
        (tensor.place == .head ? vocabulary?.headRows : vocabulary?.embeddingRows)?.tokens ?? []
    }

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
        let maps = allMaps
        pool.run { thread in
            for index in stride(from: thread, to: maps.count, by: pool.threads) { maps[index].pack() }
        }
        for place in LinearPlace.all(layers: configuration.layers) {
            guard let map = self.maps[place], map.magnitude != nil else { continue }
            map.updateNorms(WeightRows(weights, place), pool: pool)
        }
    }

    /// Before the first micro-batch of an optimiser step.
    public func clearGradients() { gradients.pointer.update(repeating: 0, count: gradients.count) }
}
