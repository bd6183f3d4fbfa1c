internal import Tensors

/// The weights of the reference path: matrices as they are in the mapped file, norms and biases in f32.
final class ReferenceWeights: Sendable {
    let files: ModelFiles
    let vectors: DecoderVectors
    private let rowOrders: [[Int]?]

    var configuration: DecoderConfiguration { files.configuration }

    init(_ files: ModelFiles) {
        self.files = files
        vectors = DecoderVectors(files)
        rowOrders = Projection.allCases.map { files.rowOrder($0) }
    }

    /// See `ModelFiles.rowOrder`.
    func rowOrder(_ projection: Projection) -> [Int]? { rowOrders[projection.rawValue] }
}
