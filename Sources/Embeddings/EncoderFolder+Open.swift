public import Generation
public import Models
public import Tensors

extension EncoderFolder {
    /// Opens a folder as what it holds: static vectors of tokens, or a BERT-style encoder.
    ///
    /// Static vectors have no `precision` and need no `pool`. Errors and cost: those of the two embedders.
    public static func open(_ folder: String, precision: ModelPrecision, pool: WorkerPool) throws -> any TextEmbedder {
        if StaticEmbedder.isStatic(folder: folder) { return try StaticEmbedder(folder: folder) }
        return try EncoderEmbedder(folder: folder, precision: precision, pool: pool)
    }
}
