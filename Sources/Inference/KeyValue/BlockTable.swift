/// The blocks of one sequence, in the order of its positions.
struct BlockTable {
    var blocks: [BlockIndex] = []
    /// How many of them are in the prefix cache (or equal to one that is).
    var cachedBlocks = 0
    /// The cache's node of the last cached block, or the root.
    var node = PrefixCache.none
    /// The owner's root, which the table retains; `PrefixCache.none` while the table holds nothing.
    var root = PrefixCache.none
}
