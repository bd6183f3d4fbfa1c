/// The linear maps that an adapter changes.
///
/// `@unchecked Sendable`: the flat table is filled in `init` and only read after. It points into buffers that `patches` keeps alive.
final class LinearPart: SeamPart, @unchecked Sendable {
    let patches: LinearTable<LinearPatch?>
    /// The patches for inner loops. No two adapters share such a table, so its address tells adapters apart.
    let entries: LinearEntries<PatchEntry>
    /// For each projection the greatest rank of all layers.
    let largestRank: [Int]
    /// For each projection, whether some layer scales its input.
    let scalesInput: [Bool]
    let byteCount: Int
    let hasInt8: Bool
    let isLowRank: Bool
    /// For each projection what its patches are made for; nil where layers differ.
    private let shapes: [PatchShape?]
    private let memory: UnsafeMutablePointer<PatchEntry>

    init(_ patches: LinearTable<LinearPatch?>) {
        self.patches = patches
        let all = patches.values
        memory = .allocate(capacity: max(all.count, 1))
        for (index, patch) in all.enumerated() { (memory + index).initialize(to: PatchEntry(patch)) }
        entries = LinearEntries(memory)
        byteCount = LowRank.byteCount(all.compactMap { $0?.lowRank }) + all.reduce(0) { $0 + ($1?.vectorBytes ?? 0) }
        hasInt8 = all.contains { $0?.lowRank?.element == .int8 }
        isLowRank = all.allSatisfy { $0?.inputScale == nil && $0?.outputScale == nil && $0?.mixture == nil }
        largestRank = Projection.allCases.map { patches.of($0).reduce(0) { max($0, $1?.lowRank?.rank ?? 0) } }
        scalesInput = Projection.allCases.map { patches.of($0).contains { $0?.inputScale != nil } }
        shapes = Projection.allCases.map { patches.of($0).reduce(Optional(PatchShape())) { $0?.joined($1) } }
    }

    deinit { memory.deallocate() }

    func fits(_ configuration: DecoderConfiguration) -> Bool {
        Projection.allCases.allSatisfy { shapes[$0.rawValue]?.fits($0, configuration) ?? false }
    }

    func validate(for configuration: DecoderConfiguration) throws(ModelError) {
        for place in LinearPlace.all(layers: configuration.layers) {
            guard let patch = patches[place] else { continue }
            guard configuration.has(place.projection) else { throw .noSuchMap(place.checkpointName) }
            try patch.validate(place.checkpointName, place.projection.shape(in: configuration))
        }
    }
}

extension LinearPlace {
    /// For messages.
    var checkpointName: String { "layers.\(layer).\(projection.checkpointName)" }
}

extension LinearPatch {
    /// Throws `wrongShape` unless its own parts fit a projection; a mixture is checked by `MixturePart`.
    func validate(_ name: String, _ shape: (outputs: Int, inputs: Int)) throws(ModelError) {
        try lowRank?.validate(name, shape)
        for (vector, count) in [(inputScale, shape.inputs), (outputScale, shape.outputs), (bias, shape.outputs)] {
            if let vector, vector.count != count { throw .wrongShape(name, found: [vector.count], expected: [count]) }
        }
    }
}

extension LowRank {
    func validate(_ name: String, _ shape: (outputs: Int, inputs: Int)) throws(ModelError) {
        guard outputs == shape.outputs, inputs == shape.inputs else {
            throw .wrongShape(name, found: [outputs, inputs], expected: [shape.outputs, shape.inputs])
        }
    }
}

/// The most that linear patches of a plan's rows need.
struct LinearExtent {
    /// For each projection, whether some band scales its input.
    private(set) var scalesInput = [Bool](repeating: false, count: Projection.count)
    /// For each projection the greatest rank of a band.
    private(set) var largestRank = [Int](repeating: 0, count: Projection.count)

    mutating func clear() {
        for index in scalesInput.indices { (scalesInput[index], largestRank[index]) = (false, 0) }
    }

    mutating func include(_ part: LinearPart) {
        for index in scalesInput.indices {
            scalesInput[index] = scalesInput[index] || part.scalesInput[index]
            largestRank[index] = max(largestRank[index], part.largestRank[index])
        }
    }
}
