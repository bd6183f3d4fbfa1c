/// The KV blocks of the engine. Sequences take their blocks here; cached prefixes are reused, and evicted when memory is short.
///
/// A plain value of the engine thread; nothing is allocated once a table has its capacity.
struct KeyValueBlocks {
    let blockTokens: Int
    private(set) var pool: BlockPool
    private(set) var prefixes: PrefixCache

    init(blocks: Int, blockTokens: Int) {
        pool = BlockPool(blocks: blocks)
        prefixes = PrefixCache(blocks: blocks, blockTokens: blockTokens)
        self.blockTokens = blockTokens
    }

    /// Blocks that a sequence could get now: free ones and cached ones that no sequence holds.
    var availableCount: Int { pool.freeCount + idleCount }
    /// Cached blocks that no sequence holds.
    private(set) var idleCount = 0

    func blockCount(tokens: Int) -> Int { (tokens + blockTokens - 1) / blockTokens }

    /// Takes the longest cached prefix of whole blocks, at least one token short of the end: the last token has to be
    /// computed for its logits. Only the first `limit` tokens share with others.
    mutating func takePrefix(of tokens: [Int32], owner: PrefixOwner, limit: Int = .max) -> BlockTable {
        let root = prefixes.retainRoot(of: owner)
        var table = BlockTable(node: root, root: root)
        extend(&table, of: tokens, limit: limit)
        return table
    }

    /// Continues after the table's cached blocks with blocks that others computed since. Own blocks that are not cached yet are
    /// given back for the ones that are found. Returns how many were taken.
    @discardableResult
    mutating func extend(_ table: inout BlockTable, of tokens: [Int32], limit: Int = .max) -> Int {
        let before = table.cachedBlocks
        let most = min(tokens.count - 1, limit)
        while (table.cachedBlocks + 1) * blockTokens <= most {
            guard
                let block = prefixes.find(parent: table.node, in: tokens, from: table.cachedBlocks * blockTokens)
            else { break }
            take(block)
            if table.cachedBlocks < table.blocks.count {
                giveBack(table.blocks[table.cachedBlocks])
                table.blocks[table.cachedBlocks] = block
            } else {
                table.blocks.append(block)
            }
            table.node = block
            table.cachedBlocks += 1
        }
        return table.cachedBlocks - before
    }

    /// Whether `grow` would succeed.
    func canGrow(_ table: BlockTable, tokens: Int) -> Bool {
        blockCount(tokens: tokens) - table.blocks.count <= availableCount
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

    /// Caches the blocks that became full: their keys and values are computed and won't change. A block whose equal is cached
    /// already is given back and the cached one taken instead, so the predecessors of a held block are always held too.
    mutating func cacheFullBlocks(of table: inout BlockTable, tokens: [Int32], computed: Int) {
        while (table.cachedBlocks + 1) * blockTokens <= computed {
            let own = table.blocks[table.cachedBlocks]
            let cached = prefixes.insert(
                parent: table.node, in: tokens, from: table.cachedBlocks * blockTokens, block: own)
            if cached != own {
                take(cached)
                table.blocks[table.cachedBlocks] = cached
                giveBack(own)
            }
            table.node = cached
            table.cachedBlocks += 1
        }
    }

    /// Gives all blocks back; cached ones stay as prefixes until their memory is needed.
    mutating func release(_ table: inout BlockTable) {
        for block in table.blocks { giveBack(block) }
        table.blocks.removeAll(keepingCapacity: true)
        table.cachedBlocks = 0
        if table.root != PrefixCache.none { prefixes.releaseRoot(table.root) }
        (table.node, table.root) = (PrefixCache.none, PrefixCache.none)
    }

    /// Blocks that only this table holds, so that they become available when it is released.
    func exclusiveCount(_ table: BlockTable) -> Int { table.blocks.count { pool.references[Int($0)] == 1 } }

    private mutating func giveBack(_ block: BlockIndex) {
        guard pool.release(block) else { return }
        if prefixes.isCached(block) { idleCount += 1 } else { pool.reclaim(block) }
    }

    /// Holds a cached block once more.
    private mutating func take(_ block: BlockIndex) {
        if pool.references[Int(block)] == 0 { idleCount -= 1 }
        pool.retain(block)
    }

    private mutating func evictOne() -> Bool {
        guard let block = prefixes.evict(references: pool.references) else { return false }
        idleCount -= 1
        pool.reclaim(block)
        return true
    }
}
