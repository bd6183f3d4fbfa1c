/// How much of a safetensors header is accepted.
public struct SafetensorsLimits: Sendable, Equatable {
    /// Bytes of the JSON header; about 100 a tensor. The format allows 100,000,000, which would take gigabytes to parse.
    public var headerBytes: Int
    /// Dimensions of a tensor.
    public var dimensions: Int
    /// Files of a sharded folder.
    public var shards: Int

    public init(headerBytes: Int = 16 << 20, dimensions: Int = 16, shards: Int = 4096) {
        self.headerBytes = headerBytes
        self.dimensions = dimensions
        self.shards = shards
    }
}
