public import Tensors

/// The weights of a Llama-family decoder. They never change: any number of engines, measurements and tuners on any threads share
/// them. A `StepWorkspace` computes with them; adapters come with the step.
public final class DecoderWeights: Sendable {
    public let configuration: DecoderConfiguration
    public let precision: ModelPrecision
    /// Of the caches that `makeCache` makes for the fast path; the reference path has f32.
    public let keyValueFormat: KeyValueFormat
    let storage: Storage

    enum Storage: Sendable {
        case packed(PackedWeights)
        case file(ReferenceWeights)
    }

    /// Reads the weights. For the fast path it packs them on the threads of `pool` and gives the file's pages back; the reference path
    /// reads the mapped file as it computes. Errors: `malformed` weights that are not finite or a
    /// file that became shorter, `noMemory`.
    public init(
        _ files: ModelFiles, precision: ModelPrecision, pool: WorkerPool, keyValueFormat: KeyValueFormat = .f16
    ) throws(ModelError) {
        configuration = files.configuration
        self.precision = precision
        self.keyValueFormat = keyValueFormat
        switch precision {
        case .fast: storage = .packed(try PackedWeights(files, pool: pool))
        case .reference: storage = .file(ReferenceWeights(files))
        }
        try files.checkWhole()
    }

    /// Bytes of weights in memory: the packed ones of the fast path; 0 for the reference, which leaves them in the file.
    public var weightBytes: Int { packed?.byteCount ?? 0 }

    /// Whether a step read a part of the model's file that the file no longer has, so that its logits are wrong: another process
    /// truncated it. The fast path reads only the embedding from the file, and only where the packed head does not hold it exactly.
    /// Once true, it stays true. Cost: a load or two.
    public var isDamaged: Bool {
        switch storage {
        case .packed(let weights): weights.embedding?.isDamaged ?? false
        case .file(let weights): weights.files.isDamaged
        }
    }

    /// Nil for the reference path.
    var packed: PackedWeights? {
        guard case .packed(let weights) = storage else { return nil }
        return weights
    }

    // MARK: Caches and logits

    /// A cache of `blocks * KeyValueCache.blockTokens` positions for this decoder, in its own format unless another is named. Errors:
    /// `noMemory`.
    public func makeCache(blocks: Int, format: KeyValueFormat? = nil) throws(ModelError) -> KeyValueCache {
        do throws(ResourceError) {
            return try KeyValueCache(blocks: blocks, configuration: configuration, element: element(format))
        } catch {
            throw ModelError(error)
        }
    }

    /// Bytes of one block of such a cache, in all layers.
    public func cacheBlockBytes(format: KeyValueFormat? = nil) -> Int {
        KeyValueCache.blockBytes(configuration, element(format))
    }

    func element(_ format: KeyValueFormat?) -> Kernels.KeyValueElement {
        switch (precision, format ?? keyValueFormat) {
        case (.reference, _): .f32
        case (.fast, .f16): .f16
        case (.fast, .bf16): .bf16
        case (.fast, .int8): .int8
        }
    }

    /// Most tokens that an adapter may have beside the base's: rows of an embedding and of a head that was enlarged for training.
    public static let addedTokens = 1024

    /// The distance between rows of logits that a step writes fastest, in elements, with room for adapters' own tokens. Rows that lie whole pages apart share the sets of a
    /// cache and evict each other: at 32 rows of 49,152 that costs a quarter of the vocabulary projection's time.
    public var logitsStride: Int {
        let lines = (configuration.vocabulary + Self.addedTokens + 15) / 16
        return 16 * (lines % 64 == 0 ? lines + 1 : lines)
    }
}
