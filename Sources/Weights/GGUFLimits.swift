/// How much of a GGUF header is accepted. The defaults are several times what the largest published models have.
public struct GGUFLimits: Sendable, Equatable {
    public var tensors: Int
    /// Metadata pairs.
    public var keys: Int
    /// Bytes of a key; the format allows 65,535.
    public var keyBytes: Int
    /// Bytes of a tensor's name; llama.cpp takes 63.
    public var tensorNameBytes: Int
    /// Bytes of one string value (chat templates are the longest).
    public var stringBytes: Int
    /// Elements of one array (vocabularies and merges are the longest), those of arrays in it included.
    public var arrayElements: Int
    /// Arrays in arrays.
    public var arrayDepth: Int
    /// Bytes of the header; a file whose header is longer is refused with `limitExceeded`.
    public var headerBytes: Int

    public init(
        tensors: Int = 65_536, keys: Int = 65_536, keyBytes: Int = 65_535, tensorNameBytes: Int = 512,
        stringBytes: Int = 16 << 20, arrayElements: Int = 16 << 20, arrayDepth: Int = 4, headerBytes: Int = .max
    ) {
        self.tensors = tensors
        self.keys = keys
        self.keyBytes = keyBytes
        self.tensorNameBytes = tensorNameBytes
        self.stringBytes = stringBytes
        self.arrayElements = arrayElements
        self.arrayDepth = arrayDepth
        self.headerBytes = headerBytes
    }
}
