internal import Tensors

/// Features of some texts, `[count, dimension]`, kept as f16: in memory, or in a mapped file of which only the pages that are read become
/// resident. Training reads many of them; afterwards they are seldom read.
struct FeatureRows: Sendable {
    let count: Int
    let dimension: Int
    /// Of the stored numbers, so that equal rows are found without reading them.
    let digest: ContentDigest
    private let view: TensorView

    /// Rounds to f16.
    init(_ features: [Float], dimension: Int) {
        let halves = features.map { Float16($0) }
        let count = dimension > 0 ? features.count / dimension : 0
        let view = halves.withUnsafeBytes { TensorView(name: "features", dtype: .f16, shape: [count, dimension], copying: $0) }
        guard let view else { preconditionFailure("the features are not whole rows") }
        self.init(view, digest: halves.withUnsafeBytes { ContentDigest(of: $0) })
    }

    /// - Parameter view: `[count, dimension]`, f16.
    init(_ view: TensorView, digest: ContentDigest) {
        (count, dimension) = (view.rows, view.columns)
        self.view = view
        self.digest = digest
    }

    /// False when the file that they are mapped from became shorter. Cost: one system call; none for memory.
    var isWhole: Bool { view.isWhole }

    /// Some rows as f32.
    func read(_ rows: Range<Int>, into output: UnsafeMutablePointer<Float>) { view.dequantizeRows(rows, into: output) }

    func row(_ row: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: dimension) { buffer, count in
            if let base = buffer.baseAddress { read(row..<row + 1, into: base) }
            count = dimension
        }
    }

    /// The numbers as they are stored.
    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result { view.withUnsafeBytes(body) }
}
