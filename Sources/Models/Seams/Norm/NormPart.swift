internal import Tensors

/// Norms of an adapter's own, in place of the base's: the factors of a row, whatever a file's convention (Gemma's files have them less one).
///
/// `@unchecked Sendable`: the flat table is filled in `init` and only read after. It points into buffers that `norms` keeps alive.
final class NormPart: SeamPart, @unchecked Sendable {
    let norms: [NormPlace: FloatBuffer]
    /// By `NormPlace.index`, for inner loops; nil: the base's.
    let entries: UnsafePointer<UnsafePointer<Float>?>
    let byteCount: Int
    var hasInt8: Bool { false }
    var isLowRank: Bool { false }
    private let layers: Int
    private let memory: UnsafeMutablePointer<UnsafePointer<Float>?>

    /// Nil: there is none.
    init?(layers: Int, _ norms: [NormPlace: FloatBuffer]) {
        guard !norms.isEmpty else { return nil }
        let count = NormPlace.count(layers: layers)
        precondition(norms.keys.allSatisfy { $0.index < count }, "a norm of a layer that a delta for \(layers) layers does not have")
        (self.norms, self.layers) = (norms, layers)
        byteCount = norms.values.reduce(0) { $0 + 4 * $1.count }
        memory = .allocate(capacity: count)
        memory.initialize(repeating: nil, count: count)
        for (place, factors) in norms { memory[place.index] = UnsafePointer(factors.pointer) }
        entries = UnsafePointer(memory)
    }

    deinit { memory.deallocate() }

    func fits(_ configuration: DecoderConfiguration) -> Bool {
        let known = Set(NormPlace.all(in: configuration))
        return norms.allSatisfy { known.contains($0.key) && $0.value.count == $0.key.width(in: configuration) }
    }

    func validate(for configuration: DecoderConfiguration) throws(ModelError) {
        let known = Set(NormPlace.all(in: configuration))
        for (place, factors) in norms {
            let width = known.contains(place) ? place.width(in: configuration) : 0
            guard factors.count != width else { continue }
            throw .wrongShape(place.path(in: configuration), found: [factors.count], expected: [width])
        }
    }
}

/// Whether some band of a plan has norms of its own.
struct NormExtent {
    private(set) var patchesNorms = false

    mutating func clear() { patchesNorms = false }
    mutating func include(_ part: NormPart) { patchesNorms = true }
}
