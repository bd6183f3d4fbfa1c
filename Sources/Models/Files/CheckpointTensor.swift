public import Tensors

/// A tensor of a model as Hugging Face checkpoints have it: under their name, with their order of rows, whatever kind of file holds it.
public struct CheckpointTensor: Sendable {
    /// Like `model.layers.0.self_attn.q_proj.weight`.
    public let name: String
    /// As it lies in the file, where it may have another name.
    public let view: TensorView
    /// Row `i`, or element `i` of a vector, is row or element `[i]` of the file; nil: all lie where they belong.
    public let rowOrder: [Int]?
    /// What the file's numbers exceed those of a checkpoint by: 1 for the norms of Gemma's GGUF files.
    public let excess: Float

    /// A tensor of a checkpoint, as it is.
    public init(_ view: TensorView) { self.init(name: view.name, view: view, rowOrder: nil, excess: 0) }

    init(name: String, view: TensorView, rowOrder: [Int]?, excess: Float) {
        self.name = name
        self.view = view
        self.rowOrder = rowOrder
        self.excess = excess
    }

    public var shape: [Int] { view.shape }

    /// The same elements under another name.
    public func renamed(_ name: String) -> CheckpointTensor {
        CheckpointTensor(name: name, view: view, rowOrder: rowOrder, excess: excess)
    }

    /// Rows in f32, row-major, all dimensions but the last together; a vector is one row. Errors: `malformed` when the file became shorter,
    /// so that what was read may be zeros. Cost: that of dequantising; any number of threads may read at once.
    public func read(_ rows: Range<Int>, into target: UnsafeMutablePointer<Float>) throws(ModelError) {
        if let rowOrder, shape.count < 2 {
            let values = view.floats()
            for index in 0..<rows.count * view.columns { target[index] = values[rowOrder[index]] }
        } else if let rowOrder {
            for (index, row) in rows.enumerated() {
                view.dequantizeRows(rowOrder[row]..<rowOrder[row] + 1, into: target + index * view.columns)
            }
        } else {
            view.dequantizeRows(rows, into: target)
        }
        if excess != 0 {
            for index in 0..<rows.count * view.columns { target[index] -= excess }
        }
        do throws(MappedFileError) {
            try view.check()
        } catch {
            throw ModelError(.malformed, error.message, file: error.path, tensor: view.name)
        }
    }
}

extension ModelFiles {
    /// All tensors of the model, layer by layer, the embedding first and the head last.
    ///
    /// Errors: `unsupported` for GGUF files whose tensors hold several of a checkpoint's (fused projections, experts).
    public func checkpointTensors() throws(ModelError) -> [CheckpointTensor] {
        guard !configuration.isFused, configuration.experts == nil else {
            throw ModelError(
                .unsupported, "its tensors hold several of a checkpoint's: take the model's Hugging Face folder instead", file: path)
        }
        return WeightName.all(in: configuration).map { name in
            let view = tensor(name)
            return CheckpointTensor(
                name: name.checkpoint(in: configuration), view: view,
                rowOrder: isGGUF ? name.interleavedOrder(in: configuration) : nil,
                excess: name.isNorm ? configuration.checkpointNormOffset - normOffset : 0)
        }
    }
}
