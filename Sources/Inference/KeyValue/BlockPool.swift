/// Index of a block of the KV cache: 16 positions of all layers.
typealias BlockIndex = Int32

/// Who holds which block of the KV cache.
///
/// Each block is free, held by sequences (counted), or idle: held by no sequence but still in the prefix cache, to be reused or
/// evicted. A plain value of the engine thread.
struct BlockPool {
    private(set) var references: [Int32]
    private var free: [BlockIndex]

    init(blocks: Int) {
        references = Array(repeating: 0, count: blocks)
        free = (0..<Int32(blocks)).reversed()
    }

    var capacity: Int { references.count }
    var freeCount: Int { free.count }

    /// A block with one reference, or nil when none is free.
    mutating func allocate() -> BlockIndex? {
        guard let block = free.popLast() else { return nil }
        references[Int(block)] = 1
        return block
    }

    mutating func retain(_ block: BlockIndex) { references[Int(block)] += 1 }

    /// Drops one reference; true when it was the last one. The caller then frees the block or leaves it to the prefix cache.
    mutating func release(_ block: BlockIndex) -> Bool {
        precondition(references[Int(block)] > 0, "a block of the KV cache was released more often than it was taken")
        references[Int(block)] -= 1
        return references[Int(block)] == 0
    }

    /// Gives back a block that no sequence holds.
    mutating func reclaim(_ block: BlockIndex) {
        precondition(references[Int(block)] == 0, "a block of the KV cache that sequences hold was freed")
        free.append(block)
    }
}
