/// The KV blocks of the engine: sequences take them through here, so that cached prefixes are reused and given up when
/// memory is short.
///
/// A plain value of the engine thread.
struct KeyValueBlocks {
    let blockTokens: Int
    private(set) var pool: BlockPool
    private(set) var prefixes = PrefixCache()

    init(blocks: Int, blockTokens: Int) {
        pool = BlockPool(blocks: blocks)
        self.blockTokens = blockTokens
    }

    /// Blocks that a sequence could get now: free ones and cached ones that nobody uses.
    var availableCount: Int { pool.freeCount + idleCount }
    /// Cached blocks that no sequence holds.
    private(set) var idleCount = 0

    func blockCount(tokens: Int) -> Int { (tokens + blockTokens - 1) / blockTokens }

    /// Takes the longest cached prefix of whole blocks, at least one token short of the end: the last token has to be
    /// computed for its logits.
    mutating func takePrefix(of tokens: [Int32], version: PrefixCache.Version) -> BlockTable {
        var table = BlockTable(node: prefixes.root(of: version))
        while (table.blocks.count + 1) * blockTokens < tokens.count {
            let start = table.blocks.count * blockTokens
            guard let hit = prefixes.find(parent: table.node, tokens: tokens[start..<start + blockTokens]) else { break }
            take(hit.block)
            table.blocks.append(hit.block)
            table.node = hit.node
        }
        table.listedBlocks = table.blocks.count
        return table
    }

    /// Makes room for `tokens` positions; false when memory is short (what was taken stays with the table).
    mutating func grow(_ table: inout BlockTable, tokens: Int) -> Bool {
        while table.blocks.count * blockTokens < tokens {
            if pool.freeCount == 0, !evictOne() { return false }
            guard let block = pool.allocate() else { return false }
            table.blocks.append(block)
        }
        return true
    }

    /// Lists the blocks that became full: their keys and values are computed and won't change. A block whose equal is
    /// listed already is given back and the listed one taken instead, so a held block's predecessors are always held too.
    mutating func list(_ table: inout BlockTable, tokens: [Int32], computed: Int) {
        while (table.listedBlocks + 1) * blockTokens <= computed {
            let start = table.listedBlocks * blockTokens
            let own = table.blocks[table.listedBlocks]
            let (node, listed) = prefixes.insert(
                parent: table.node, tokens: tokens[start..<start + blockTokens], block: own)
            if listed != own {
                take(listed)
                table.blocks[table.listedBlocks] = listed
                if pool.release(own) { pool.reclaim(own) }
            }
            table.node = node
            table.listedBlocks += 1
        }
    }

    /// Gives all blocks back; listed ones stay as cached prefixes until their memory is needed.
    mutating func release(_ table: inout BlockTable) {
        for block in table.blocks where pool.release(block) {
            if prefixes.isListed(block) { idleCount += 1 } else { pool.reclaim(block) }
        }
        table.blocks.removeAll()
        table.listedBlocks = 0
    }

    /// Holds a listed block once more.
    private mutating func take(_ block: BlockIndex) {
        if pool.references[Int(block)] == 0 { idleCount -= 1 }
        pool.retain(block)
    }

    private mutating func evictOne() -> Bool {
        let references = pool.references
        guard let block = prefixes.evict(where: { references[Int($0)] == 0 }) else { return false }
        idleCount -= 1
        pool.reclaim(block)
        return true
    }
}

/// The blocks of one sequence, in the order of its positions.
struct BlockTable {
    var blocks: [BlockIndex] = []
    /// How many of them are listed in the prefix cache (or equal to one that is).
    var listedBlocks = 0
    /// The cache's node of the last listed block.
    var node: Int
}
