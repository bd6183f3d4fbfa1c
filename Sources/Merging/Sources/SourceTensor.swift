public import MergeMethods
internal import Models
public import Tensors

/// A tensor of a source, under its checkpoint name, with the reference's adapter applied where there is one.
///
/// Reads are checked: of a file that became shorter, and for numbers that are not finite.
public struct SourceTensor: TensorReader {
    /// Like `model.layers.0.self_attn.q_proj.weight`.
    public let name: String
    public let shape: [Int]
    /// As stored.
    public let dtype: DType
    /// For messages.
    public let file: String
    private let content: Content

    private enum Content: Sendable {
        case stored(CheckpointTensor)
        /// What the adapter makes of it.
        case adapted(any TensorReader)
    }

    init(_ tensor: CheckpointTensor, file: String, adapted: (any TensorReader)? = nil) {
        (name, shape, dtype, self.file) = (tensor.name, tensor.shape, tensor.view.dtype, file)
        content = adapted.map(Content.adapted) ?? .stored(tensor)
    }

    public func read(_ rows: Range<Int>, into target: UnsafeMutablePointer<Float>) throws(MergeError) {
        switch content {
        case .stored(let tensor):
            do throws(ModelError) {
                try tensor.read(rows, into: target)
            } catch {
                throw MergeError(.changed, error.message, file: file, tensor: name)
            }
        case .adapted(let reader): return try reader.read(rows, into: target)
        }
        try MergeError.checkFinite(target, rows, columns: shape.last ?? 1, file: file, tensor: name)
    }

    /// The elements as the file has them; nil: an adapter changes them.
    var stored: TensorView? { if case .stored(let tensor) = content { tensor.view } else { nil } }

    /// Whether two tensors have the same type, shape and bytes.
    func hasSameBytes(_ other: SourceTensor) -> Bool {
        guard dtype == other.dtype, shape == other.shape, let own = stored, let others = other.stored else { return false }
        return own.withUnsafeBytes { own in others.withUnsafeBytes { own.elementsEqual($0) } }
    }
}
