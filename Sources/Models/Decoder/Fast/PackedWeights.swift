internal import Tensors

/// The weights of the fast path: matrices packed to 4 or 8 bits, norms and biases in f32.
final class PackedWeights: Sendable {
    let configuration: DecoderConfiguration
    /// Nil where the configuration has no such map.
    let matrices: LinearTable<PackedMatrix?>
    /// Of each layer; empty without experts.
    let experts: [PackedExperts]
    let head: PackedMatrix
    /// The embedding table in the file. Nil: it is looked up in the packed head, which holds the same values exactly.
    let embedding: TensorView?
    let vectors: DecoderVectors
    /// Bytes of the packed matrices.
    let byteCount: Int

    /// Packs the weights on all threads of the pool. Errors: `malformed` weights that are not finite, `noMemory`.
    init(_ files: ModelFiles, pool: WorkerPool) throws(ModelError) {
        let configuration = files.configuration
        let headName: WeightName = configuration.tiedHead ? .embedding : .head
        let names = (0..<configuration.layers).flatMap { WeightName.matrices(of: $0, in: configuration) } + [headName]
        let packed = try Packing.pack(
            names.map { (files.tensor($0), files.rowOrder($0)) }, mappedFiles: files.mappedFiles, pool: pool)
        let table = Dictionary(zip(names, packed)) { first, _ in first }
        self.configuration = configuration
        matrices = LinearTable(layers: configuration.layers) { table[.weight($0.layer, $0.projection)] }
        experts = configuration.experts == nil ? [] : (0..<configuration.layers).map { PackedExperts(files, layer: $0, table) }
        head = packed[names.count - 1]
        byteCount = packed.reduce(0) { $0 + $1.byteCount }
        let vocabulary = files.tensor(.embedding)
        embedding = configuration.tiedHead && Packing.isExact(vocabulary.dtype) ? nil : vocabulary
        vectors = DecoderVectors(files)
    }
}

/// The mixture of one layer: its router in f32, and gate, up and down of each expert.
final class PackedExperts: Sendable {
    /// `[experts, hidden]`
    let router: FloatBuffer
    /// In the order of `Projection.ofExperts`, expert after expert.
    let matrices: [PackedMatrix]

    fileprivate init(_ files: ModelFiles, layer: Int, _ packed: [WeightName: PackedMatrix]) {
        router = FloatBuffer(files.tensor(.router(layer)).floats())
        matrices = (0..<(files.configuration.experts?.count ?? 0)).flatMap { expert in
            Projection.ofExperts.compactMap { packed[.expert(layer, expert, $0)] }
        }
    }
}
