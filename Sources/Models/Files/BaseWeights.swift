internal import Synchronization
internal import Tensors

/// The base's weights as f32. Loading an adapter reads them: norms of rows (DoRA), biases (IA³), sizes to compare an effect with. Rows are
/// in the order of Hugging Face checkpoints, also where the file has another.
///
/// Only norms are kept. Rows are dequantised from the mapped file on demand, so readers go through a matrix slice by slice. Any number of
/// threads may read at once.
public final class BaseWeights: Sendable {
    /// The number of rows of that width to read at once: 96 KB, which stay in a core's cache.
    public static func sliceRows(_ inputs: Int) -> Int { max(1, (24 << 10) / max(inputs, 1)) }

    public let configuration: DecoderConfiguration
    /// Of the files: `ModelFiles.identity`.
    public var identity: String { files.identity }
    /// The type of the first layer's queries in the file, which most matrices have: like `q4_0`.
    public var elementType: String { files.tensor(.weight(0, .query)).dtype.name }
    private let files: ModelFiles
    /// At `projection`: see `ModelFiles.rowOrder`.
    private let rowOrders: [[Int]?]
    /// Of each matrix whose norm was computed.
    private let norms: Mutex<LinearTable<Double?>>
    /// Something was read since pages were last given back.
    private let isRead = Atomic(false)
    /// Reads so far.
    private let reads = Atomic(0)

    public init(_ files: ModelFiles) {
        self.files = files
        configuration = files.configuration
        rowOrders = Projection.allCases.map(files.rowOrder)
        norms = Mutex(LinearTable(layers: files.configuration.layers, repeating: nil))
    }

    /// Writes `[rows.count, inputs]` of a projection's weight matrix, which the configuration has. Cost: about 1 ns for 2 elements.
    public func read(_ rows: Range<Int>, of layer: Int, _ projection: Projection, into target: UnsafeMutablePointer<Float>) {
        let view = files.tensor(.weight(layer, projection))
        noteRead()
        guard let order = rowOrders[projection.rawValue] else { return view.dequantizeRows(rows, into: target) }
        for (index, row) in rows.enumerated() {
            view.dequantizeRows(order[row]..<order[row] + 1, into: target + index * view.columns)
        }
    }

    /// `[outputs]`; nil where the base has none.
    public func bias(of layer: Int, _ projection: Projection) -> [Float]? {
        guard configuration.biases.contains(projection) else { return nil }
        noteRead()
        let values = files.tensor(.bias(layer, projection)).floats()
        return rowOrders[projection.rawValue]?.map { values[$0] } ?? values
    }

    /// The factors of a norm, `[width]`.
    public func norm(_ place: NormPlace) -> [Float] {
        noteRead()
        return files.tensor(place.name(in: configuration)).floats().map { $0 + files.normOffset }
    }

    /// The Frobenius norm of a projection's weight matrix. The first call reads the whole matrix.
    public func norm(of layer: Int, _ projection: Projection) -> Double {
        let place = LinearPlace(layer, projection)
        if let known = norms.withLock({ $0[place] }) { return known }
        let (outputs, inputs) = projection.shape(in: configuration)
        let step = Self.sliceRows(inputs)
        let slice = FloatBuffer(count: min(step, outputs) * inputs)
        var sum = 0.0
        for first in stride(from: 0, to: outputs, by: step) {
            let rows = first..<min(first + step, outputs)
            read(rows, of: layer, projection, into: slice.pointer)
            for row in 0..<rows.count {
                let values = slice.pointer + row * inputs
                sum += Double(Kernels.dot(values, values, count: inputs))
            }
        }
        norms.withLock { $0[place] = sum.squareRoot() }
        return sum.squareRoot()
    }

    /// Writes `[tokens.count, hidden]` of the embedding, without `embeddingScale`.
    public func readEmbedding(_ tokens: Range<Int>, into target: UnsafeMutablePointer<Float>) {
        noteRead()
        files.tensor(.embedding).dequantizeRows(tokens, into: target)
    }

    /// Writes `[tokens.count, hidden]` of the vocabulary projection, which is the embedding where the head is tied.
    public func readHead(_ tokens: Range<Int>, into target: UnsafeMutablePointer<Float>) {
        noteRead()
        files.tensor(configuration.tiedHead ? .embedding : .head).dequantizeRows(tokens, into: target)
    }

    /// Runs a body that may read weights. Errors: `malformed` when it read some and a file became shorter meanwhile, so that what it
    /// read may be zeros.
    public func reading<Value>(_ body: () -> Value) throws(ModelError) -> Value {
        let before = reads.load(ordering: .relaxed)
        let value = body()
        if reads.load(ordering: .relaxed) != before { try files.checkWhole() }
        return value
    }

    private func noteRead() {
        isRead.store(true, ordering: .relaxed)
        reads.add(1, ordering: .relaxed)
    }

    /// Lets the system drop the file's pages that were read; a later read brings them back. Call it after an adapter is loaded.
    public func giveBack() {
        guard isRead.exchange(false, ordering: .relaxed) else { return }
        files.mappedFiles.forEach { $0.advise(.dontNeed) }
    }
}
