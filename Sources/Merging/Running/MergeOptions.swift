public import Tensors

/// How a merge is written.
public struct MergeOptions: Sendable {
    /// A model that an earlier merge wrote may be replaced.
    public var replaces = false
    /// What is left of an unfinished merge is deleted, not taken up again.
    public var restarts = false
    /// A shard's tensors have this many bytes at most, unless one tensor has more.
    public var shardBytes = 5_000_000_000
    /// Of a GGUF file's matrices; nil: as the recipe says.
    public var ggufType: DType?
    /// Of methods that choose at random.
    public var seed: UInt64 = 0

    public init() {}
}
