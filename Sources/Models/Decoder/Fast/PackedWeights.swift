internal import Tensors

/// The weights of the fast path: matrices packed to 4 or 8 bits, norms and biases in f32.
final class PackedWeights: Sendable {
    let configuration: DecoderConfiguration
    let matrices: LinearTable<PackedMatrix>
    let head: PackedMatrix
    /// The embedding table in the file. Nil: it is looked up in the packed head, which holds the same values exactly.
    let embedding: TensorView?
    let vectors: DecoderVectors
    /// Bytes of the packed matrices.
    let byteCount: Int

    /// Packs the weights on all threads of the pool. Errors: `malformed` weights that are not finite, `noMemory`.
    init(_ files: ModelFiles, pool: WorkerPool) throws(ModelError) {
        let configuration = files.configuration
        let places = LinearPlace.all(layers: configuration.layers)
        let headName: WeightName = configuration.tiedHead ? .embedding : .head
        let packed = try Packing.pack(
            places.map { (files.tensor(.weight($0.layer, $0.projection)), files.rowOrder($0.projection)) } + [(files.tensor(headName), nil)],
            mappedFiles: files.mappedFiles, pool: pool)
        self.configuration = configuration
        matrices = LinearTable(layers: configuration.layers) { packed[$0.index] }
        head = packed[places.count]
        byteCount = packed.reduce(0) { $0 + $1.byteCount }
        let table = files.tensor(.embedding)
        embedding = configuration.tiedHead && Packing.isExact(table.dtype) ? nil : table
        vectors = DecoderVectors(files)
    }
}
