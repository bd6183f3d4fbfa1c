/// Limits for folders of unknown origin. Each is far above what real adapters need.
public struct AdapterLimits: Sendable, Equatable {
    /// Folders of one scan.
    public var adapters = 10_000
    /// Bytes of `adapter_config.json`; PEFT writes 1 to 50 KB.
    public var configurationBytes = 4 << 20
    /// Bytes of `chat_template.jinja`, and of `tokenizer_config.json`, which also lists added tokens.
    public var templateBytes = 4 << 20
    /// Bytes of a file of weights.
    public var weightsBytes = 8 << 30
    /// Bytes of the header of a file of weights: about 100 a tensor.
    public var headerBytes = 32 << 20
    /// Rank of one projection: with a greater one the low-rank product costs more than the base's own product.
    public var rank = 4096
    /// Experts of one router.
    public var experts = 256
    /// A folder is served when its files have rested this long, so that a copy in progress is not taken for whole.
    public var settleMilliseconds = 300
    /// A folder whose files are not whole, and have not changed for so long, is reported.
    public var arrivalMilliseconds = 3_000
    /// Requests that wait for a merge to be made, the one that makes it included.
    public var waitingMerges = 16
    /// `add` copies no more than this many files and bytes.
    public var copiedFiles = 1_000
    public var copiedBytes = 16 << 30
    /// Uploads that are not published: how many, the files of one, the bytes of all together (0 takes none), and how long one stays that
    /// gets no byte.
    public var uploads = 16
    public var uploadedFiles = 64
    public var uploadedBytes = 1 << 30
    public var uploadSeconds = 3_600

    public init() {}
}
