internal import Tensors

/// The rows of one of the base's matrices as f32, whichever path holds them: dequantised where a product needs them.
struct WeightRows: Sendable {
    let outputs: Int
    let inputs: Int
    private let source: Source

    private enum Source: Sendable {
        case packed(PackedMatrix)
        case file(TensorView, rowOrder: [Int]?)
    }

    /// A projection of a layer.
    init(_ weights: DecoderWeights, _ place: LinearPlace) {
        (outputs, inputs) = place.projection.shape(in: weights.configuration)
        switch weights.storage {
        case .packed(let packed):
            guard let matrix = packed.matrices[place] else { preconditionFailure("the base has no \(place.checkpointName)") }
            source = .packed(matrix)
        case .file(let file):
            source = .file(file.files.tensor(.weight(place.layer, place.projection)), rowOrder: file.rowOrder(place.projection))
        }
    }

    /// The vocabulary projection.
    init(headOf weights: DecoderWeights) {
        let configuration = weights.configuration
        (outputs, inputs) = (configuration.vocabulary, configuration.hidden)
        switch weights.storage {
        case .packed(let packed): source = .packed(packed.head)
        case .file(let file): source = .file(file.files.tensor(configuration.tiedHead ? .embedding : .head), rowOrder: nil)
        }
    }

    /// The fast path's matrix; nil on the reference path.
    var packed: PackedMatrix.View? {
        if case .packed(let matrix) = source { matrix.view } else { nil }
    }

    /// One row, `[inputs]`.
    func read(_ output: Int, into row: UnsafeMutablePointer<Float>) {
        switch source {
        case .packed(let matrix): matrix.dequantizeRow(output, into: row)
        case .file(let view, let order):
            let place = order?[output] ?? output
            view.dequantizeRows(place..<place + 1, into: row)
        }
    }
}

/// The rows of the base's embedding table as f32, before `embeddingScale`.
struct EmbeddingRows: Sendable {
    private let weights: DecoderWeights

    init(_ weights: DecoderWeights) { self.weights = weights }

    /// One token's row, `[hidden]`.
    func read(_ token: Int, into row: UnsafeMutablePointer<Float>) {
        switch weights.storage {
        case .packed(let packed):
            if let table = packed.embedding {
                table.dequantizeRows(token..<token + 1, into: row)
            } else {
                packed.head.dequantizeRow(token, into: row)
            }
        case .file(let file): file.files.tensor(.embedding).dequantizeRows(token..<token + 1, into: row)
        }
    }
}

extension DecoderWeights {
    var vectors: DecoderVectors {
        switch storage {
        case .packed(let packed): packed.vectors
        case .file(let file): file.vectors
        }
    }

    /// The rows of some tokens in the embedding table, before its scale, or in the head, `[tokens, hidden]`.
    public func tokenRows(_ tokens: [Int32], ofHead: Bool, into rows: UnsafeMutableBufferPointer<Float>) {
        let hidden = configuration.hidden
        guard let start = rows.baseAddress, rows.count == tokens.count * hidden else { return }
        let (table, head) = (EmbeddingRows(self), WeightRows(headOf: self))
        for (index, token) in tokens.enumerated() {
            if ofHead { head.read(Int(token), into: start + index * hidden) } else { table.read(Int(token), into: start + index * hidden) }
        }
    }

    /// The norms of the rows of a projection's weight matrix, `[outputs]`, in f64 sums.
    public func rowNorms(_ place: LinearPlace, into norms: UnsafeMutableBufferPointer<Float>) {
        let matrix = WeightRows(self, place)
        precondition(norms.count == matrix.outputs, "\(norms.count) norms for \(matrix.outputs) rows")
        let row = FloatBuffer(count: matrix.inputs)
        for output in 0..<matrix.outputs {
            matrix.read(output, into: row.pointer)
            var sum = 0.0
            for index in 0..<matrix.inputs { sum += Double(row.pointer[index]) * Double(row.pointer[index]) }
            norms[output] = Float(sum.squareRoot())
        }
    }
}
