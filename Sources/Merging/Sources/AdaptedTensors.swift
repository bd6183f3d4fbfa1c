internal import Adapters
public import MergeMethods
public import Models
public import Tensors

/// A model with an adapter applied, tensor by tensor: what `model+adapter` names in a recipe, and what baking writes.
///
/// Tensors keep the names, shapes and row orders of the model's files. Everything is computed in f32: an intermediate in bf16 loses changes
/// below 2^-9 of a weight. Reading needs no memory beside the adapter's. Any number of threads may read.
public struct AdaptedTensors: Sendable {
    /// A tensor of the model.
    public struct Entry: Sendable, Equatable {
        public var name: String
        public var shape: [Int]
        /// Of the file; of a head that it does not have, the embedding's. A changed tensor is no more exactly of this type.
        public var dtype: DType
        /// Whether the adapter changes some of it.
        public var isChanged: Bool
    }

    public let files: ModelFiles
    /// The adapter's.
    public let folder: String
    /// The adapter's family: `lora`, `ia3`, ….
    public let family: String
    /// The adapter has chat templates or special tokens of its own, which are no weights.
    public let hasPrompting: Bool
    /// By name.
    public let entries: [Entry]
    /// A tied head that the adapter changes in another way than the embedding: the model must say that it has a head of its own, which is
    /// among `entries`.
    public let untiesHead: Bool
    private let weights: AdaptedWeights

    /// Loads the adapter as serving does. Errors: `notFound`, `malformed`, `mismatch`, `nonFinite` and others for what serving would refuse;
    /// `unsupported`, with the reason, for adapters whose effect is no change of weights.
    public init(_ files: ModelFiles, adapter folder: String) throws(MergeError) {
        let loaded = try MergeError.converting(folder) { () throws(AdapterError) in
            try AdapterLoader.whole(folder: folder, base: files.configuration, weights: BaseWeights(files))
        }
        guard !loaded.isRetrieved else {
            throw MergeError(
                .unsupported, "the adapter looks up its experts by each request's text, which no weights of the base can do: serve it beside the base",
                file: folder)
        }
        do throws(ModelError) {
            weights = try AdaptedWeights(files, loaded.delta)
        } catch {
            throw MergeError(.unsupported, "the adapter cannot become weights: \(error.message)", file: folder, tensor: error.tensor)
        }
        self.files = files
        self.folder = folder
        family = loaded.summary.family
        hasPrompting = loaded.hasPrompting
        untiesHead = weights.untiesHead
        var entries = files.storedTensors.map { [weights] name, view in
            Entry(name: name, shape: view.shape, dtype: view.dtype, isChanged: weights.changes(name))
        }
        if let head = weights.untiedHead, let shape = weights.shape(of: head) {
            entries.append(Entry(name: head, shape: shape, dtype: weights.embeddingType, isChanged: true))
        }
        self.entries = entries.sorted { $0.name < $1.name }
    }

    /// Rows of a tensor. Errors: `notFound`; `unsupported` for elements that are no real numbers, which adapters leave alone.
    public func reader(of name: String) throws(MergeError) -> some TensorReader {
        guard let shape = weights.shape(of: name) else {
            throw MergeError(.notFound, "the model has no such tensor", file: files.path, tensor: name)
        }
        if let view = files.storedTensors[name], !view.dtype.isFloatingPoint {
            throw MergeError(.unsupported, "elements are \(view.dtype.name), which cannot become f32", file: files.path, tensor: name)
        }
        return AdaptedTensor(weights: weights, path: files.path, name: name, columns: shape.last ?? 1)
    }

    /// Rows of one of `files.checkpointTensors()`, in its order of rows. Of a tied head that the adapter changes by itself
    /// (`untiesHead`) `tensor` is the embedding, renamed to `lm_head.weight`.
    public func reader(of tensor: CheckpointTensor) -> some TensorReader {
        AdaptedCheckpointTensor(weights: weights, path: files.path, tensor: tensor)
    }

    /// Whether the adapter changes a tensor of a checkpoint.
    public func isChanged(checkpoint name: String) -> Bool { weights.changes(checkpoint: name) }
}

/// One tensor of a model's files, with an adapter.
private struct AdaptedTensor: TensorReader {
    let weights: AdaptedWeights
    let path: String
    let name: String
    let columns: Int

    func read(_ rows: Range<Int>, into target: UnsafeMutablePointer<Float>) throws(MergeError) {
        weights.read(rows, of: name, into: target)
        do throws(ModelError) {
            try weights.checkWhole()
        } catch {
            throw MergeError(.changed, error.message, file: error.file ?? path, tensor: name)
        }
        try MergeError.checkFinite(target, rows, columns: columns, file: path, tensor: name)
    }
}

/// One tensor of a checkpoint, with an adapter.
private struct AdaptedCheckpointTensor: TensorReader {
    let weights: AdaptedWeights
    let path: String
    let tensor: CheckpointTensor

    func read(_ rows: Range<Int>, into target: UnsafeMutablePointer<Float>) throws(MergeError) {
        do throws(ModelError) {
            try tensor.read(rows, into: target)
        } catch {
            throw MergeError(.changed, error.message, file: error.file ?? path, tensor: tensor.name)
        }
        weights.adapt(rows, ofCheckpoint: tensor.name, in: target)
        try MergeError.checkFinite(target, rows, columns: tensor.shape.last ?? 1, file: path, tensor: tensor.name)
    }
}
