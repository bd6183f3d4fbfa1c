/// The mixtures of an adapter: those of linear maps and those in place of feed-forwards.
///
/// `@unchecked Sendable`: filled in `init` and only read after, but for `counts`, which are atomic.
final class MixturePart: SeamPart, @unchecked Sendable {
    /// By layer.
    let feedForward: [FeedForwardMixture?]
    /// Mixtures of linear maps for inner loops; nil: there is none.
    let linearEntries: LinearEntries<MixtureEntry>?
    /// Mixtures in place of feed-forwards, at the layer; nil: there is none.
    let feedForwardEntries: UnsafePointer<MixtureEntry>?
    let counts: ExpertCounts
    let routers: [ExpertRouter]
    /// See `MixtureEntry.finishesDown`.
    let finishesDown: Bool
    /// The most experts that a row chooses in a mixture, and the most that one has.
    let mostChosen: Int
    let mostExperts: Int
    /// For each projection the greatest rank of an expert.
    let largestRank: [Int]
    let byteCount: Int
    let hasInt8: Bool
    var isLowRank: Bool { false }
    /// For each projection what its experts and routers are made for; nil where they differ.
    private let shapes: [PatchShape?]
    private let linear: LinearTable<LinearPatch?>
    /// Entries of linear maps, then those of feed-forwards.
    private let memory: UnsafeMutablePointer<MixtureEntry>
    private let patches: UnsafeMutablePointer<PatchEntry>

    /// Nil without a mixture.
    init?(layers: Int, linear: LinearTable<LinearPatch?>, feedForward: [FeedForwardMixture?]) {
        precondition(feedForward.isEmpty || feedForward.count == layers, "\(feedForward.count) feed-forward mixtures for \(layers) layers")
        let feedForward = feedForward.isEmpty ? [FeedForwardMixture?](repeating: nil, count: layers) : feedForward
        let mixtures = linear.values.compactMap { $0?.mixture }
        let mixesFeedForward = feedForward.contains { $0 != nil }
        guard !mixtures.isEmpty || mixesFeedForward else { return nil }
        for layer in 0..<layers where feedForward[layer] != nil {
            precondition(
                FeedForwardMixture.projections.allSatisfy { linear[LinearPlace(layer, $0)] == nil },
                "layer \(layer) has a mixture in place of its feed-forward and a patch of it")
        }
        self.feedForward = feedForward
        self.linear = linear
        let places = LinearPlace.all(layers: layers)
        memory = .allocate(capacity: places.count + layers)
        memory.initialize(repeating: MixtureEntry(), count: places.count + layers)
        let parts = mixtures.reduce(0) { $0 + $1.experts.count } + feedForward.reduce(0) { $0 + 3 * ($1?.experts.count ?? 0) }
        patches = .allocate(capacity: parts)
        linearEntries = mixtures.isEmpty ? nil : LinearEntries(memory)
        let feedForwardMemory = memory + places.count
        feedForwardEntries = mixesFeedForward ? UnsafePointer(feedForwardMemory) : nil

        var (routers, entries) = ([ExpertRouter](), [UnsafeMutablePointer<MixtureEntry>]())
        var (placed, first) = (0, 0)
        for layer in 0..<layers {
            for projection in Projection.allCases {
                let place = LinearPlace(layer, projection)
                guard let mixture = linear[place]?.mixture else { continue }
                let experts = mixture.experts.count
                for (index, expert) in mixture.experts.enumerated() {
                    (patches + placed + index).initialize(to: PatchEntry(expert.map { LinearPatch(lowRank: $0) }))
                }
                memory[place.index] = MixtureEntry(mixture, patches: patches + placed, first: first)
                entries.append(memory + place.index)
                routers.append(
                    ExpertRouter(layer: layer, projection: projection, selection: mixture.selection, experts: first..<first + experts))
                (placed, first) = (placed + experts, first + experts)
            }
            guard let mixture = feedForward[layer] else { continue }
            let experts = mixture.experts.count
            for (index, expert) in mixture.experts.enumerated() {
                for (part, projection) in FeedForwardMixture.projections.enumerated() {
                    (patches + placed + 3 * index + part).initialize(to: PatchEntry(expert[projection]))
                }
            }
            feedForwardMemory[layer] = MixtureEntry(mixture, patches: patches + placed, first: first)
            entries.append(feedForwardMemory + layer)
            routers.append(ExpertRouter(layer: layer, projection: nil, selection: mixture.selection, experts: first..<first + experts))
            (placed, first) = (placed + 3 * experts, first + experts)
        }
        counts = ExpertCounts(experts: first, routers: routers.count)
        for (number, entry) in entries.enumerated() {
            (entry.pointee.counts, entry.pointee.rows) = (counts.counters, counts.counters + first + number)
        }
        self.routers = routers
        finishesDown = entries.contains { $0.pointee.finishesDown }
        mostChosen = entries.reduce(0) { max($0, $1.pointee.most) }
        mostExperts = entries.reduce(0) { max($0, $1.pointee.experts) }
        largestRank = Projection.allCases.map { projection in
            let linearRanks = linear.of(projection).flatMap { $0?.mixture?.experts ?? [] }.map { $0?.rank ?? 0 }
            let ranks = feedForward.flatMap { $0?.experts ?? [] }.map { $0[projection]?.lowRank?.rank ?? 0 }
            return max(linearRanks.max() ?? 0, ranks.max() ?? 0)
        }
        byteCount = mixtures.reduce(0) { $0 + $1.byteCount } + feedForward.reduce(0) { $0 + ($1?.byteCount ?? 0) }
        let experts = mixtures.flatMap(\.experts) + feedForward.flatMap { $0?.lowRanks ?? [] }
        hasInt8 = experts.contains { $0?.element == .int8 }
        shapes = Projection.allCases.map { Self.shape($0, linear, feedForward) }
    }

    deinit {
        memory.deallocate()
        patches.deallocate()
    }

    // MARK: Shapes

    private static func shape(
        _ projection: Projection, _ linear: LinearTable<LinearPatch?>, _ feedForward: [FeedForwardMixture?]
    ) -> PatchShape? {
        var shape: PatchShape? = PatchShape()
        for mixture in linear.of(projection).compactMap({ $0?.mixture }) {
            for expert in mixture.experts { shape = shape?.joined(LinearPatch(lowRank: expert)) }
            shape = shape?.joined(router: mixture.router.count, experts: mixture.experts.count)
        }
        for mixture in feedForward.compactMap({ $0 }) {
            for expert in mixture.experts { shape = shape?.joined(expert[projection]) }
            // Gate and up read what the router reads.
            guard projection == .gate || projection == .up else { continue }
            shape = shape?.joined(router: mixture.router.count, experts: mixture.experts.count)
        }
        return shape
    }

    func fits(_ configuration: DecoderConfiguration) -> Bool {
        Projection.allCases.allSatisfy { shapes[$0.rawValue]?.fits($0, configuration) ?? false }
            && (configuration.experts == nil || feedForward.allSatisfy { $0 == nil })
    }

    func validate(for configuration: DecoderConfiguration) throws(ModelError) {
        for place in LinearPlace.all(layers: configuration.layers) {
            let shape = place.projection.shape(in: configuration)
            if let mixture = linear[place]?.mixture {
                for expert in mixture.experts { try expert?.validate(place.checkpointName, shape) }
                try Self.check(router: mixture.router.count, experts: mixture.experts.count, inputs: shape.inputs, place.checkpointName)
            }
            for (index, expert) in (feedForward[place.layer]?.experts ?? []).enumerated() {
                try expert[place.projection]?.validate("\(place.checkpointName).experts.\(index)", shape)
            }
        }
        for (layer, mixture) in feedForward.enumerated() {
            guard let mixture else { continue }
            if configuration.experts != nil { throw .noSuchMap("layers.\(layer).mlp") }
            try Self.check(
                router: mixture.router.count, experts: mixture.experts.count, inputs: configuration.hidden, "layers.\(layer).mlp")
        }
    }

    private static func check(router elements: Int, experts: Int, inputs: Int, _ name: String) throws(ModelError) {
        guard elements == experts * inputs else { throw .wrongShape(name, found: [elements], expected: [experts, inputs]) }
    }
}
