/// Full blocks of computed prompts and answers, found again by the tokens they hold.
///
/// A tree: a node is one block of tokens below the node of the tokens before it; the roots are owners (`PrefixOwner`). Equal
/// tokens under another adapter, another version of the same one or another partition are other nodes, so a replaced adapter
/// never meets stale keys and values. Keys are compared whole, not by hash. A root exists while a table or a cached block
/// refers to it. A plain value of the engine thread; all of its memory is there from the start, except for the roots.
struct PrefixCache {
    /// A cached block, by its index; below zero the root of an owner.
    typealias Node = Int32

    let blockTokens: Int
    private(set) var count = 0
    /// `[blocks, blockTokens]`
    private var tokens: [Int32]
    // [blocks]
    private var parents: [Node]
    private var children: [Int32]
    /// 0: not cached.
    private var lastUses: [UInt64]
    private var nextInBucket: [Node]
    /// First node of each chain.
    private var buckets: [Node]
    private var roots = PrefixRoots()
    private var clock: UInt64 = 0

    /// No node at all.
    static let none = Node.max

    init(blocks: Int, blockTokens: Int) {
        self.blockTokens = blockTokens
        tokens = Array(repeating: 0, count: blocks * blockTokens)
        parents = Array(repeating: Self.none, count: blocks)
        children = Array(repeating: 0, count: blocks)
        lastUses = Array(repeating: 0, count: blocks)
        nextInBucket = Array(repeating: Self.none, count: blocks)
        buckets = Array(repeating: Self.none, count: max(blocks, 1))
    }

    /// Owners with cached blocks or with tables.
    var rootCount: Int { roots.count }

    /// The node under which the first block of that owner's prompts hangs. It exists until `releaseRoot`, and as long as blocks hang
    /// under it.
    mutating func retainRoot(of owner: PrefixOwner) -> Node { roots.retain(owner) }

    mutating func releaseRoot(_ root: Node) { roots.release(root) }

    /// The child that holds the block of tokens that begins at `start`, marked as used.
    mutating func find(parent: Node, in sequence: [Int32], from start: Int) -> BlockIndex? {
        guard let block = cached(parent, sequence, start) else { return nil }
        clock += 1
        lastUses[Int(block)] = clock
        return block
    }

    /// Caches a computed block and answers it. When another block with the same tokens is cached already, that one is
    /// answered: the two hold the same bytes, since a row's result does not depend on its batch.
    mutating func insert(parent: Node, in sequence: [Int32], from start: Int, block: BlockIndex) -> BlockIndex {
        if let other = cached(parent, sequence, start) { return other }
        precondition(!isCached(block), "a block was cached twice")
        let index = Int(block)
        for offset in 0..<blockTokens { tokens[index * blockTokens + offset] = sequence[start + offset] }
        clock += 1
        (parents[index], children[index], lastUses[index]) = (parent, 0, clock)
        let bucket = bucket(parent, sequence, start)
        nextInBucket[index] = buckets[bucket]
        buckets[bucket] = block
        if parent >= 0 { children[Int(parent)] += 1 } else { roots.retain(parent) }
        count += 1
        return block
    }

    func isCached(_ block: BlockIndex) -> Bool { lastUses[Int(block)] != 0 }

    /// Removes the least recently used leaf that no sequence holds, and answers it: `O(blocks)`.
    ///
    /// - Parameter references: of each block.
    mutating func evict(references: [Int32]) -> BlockIndex? {
        var oldest: Int?
        for index in lastUses.indices where lastUses[index] != 0 && children[index] == 0 && references[index] == 0 {
            if oldest.map({ lastUses[index] < lastUses[$0] }) ?? true { oldest = index }
        }
        guard let oldest else { return nil }
        remove(oldest)
        return BlockIndex(oldest)
    }

    private mutating func remove(_ index: Int) {
        let bucket = bucket(parents[index], tokens, index * blockTokens)
        let next = nextInBucket[index]
        var node = buckets[bucket]
        if node == BlockIndex(index) {
            buckets[bucket] = next
        } else {
            while nextInBucket[Int(node)] != BlockIndex(index) { node = nextInBucket[Int(node)] }
            nextInBucket[Int(node)] = next
        }
        let parent = parents[index]
        if parent >= 0 { children[Int(parent)] -= 1 } else { roots.release(parent) }
        lastUses[index] = 0
        count -= 1
    }

    private func cached(_ parent: Node, _ sequence: [Int32], _ start: Int) -> BlockIndex? {
        var node = buckets[bucket(parent, sequence, start)]
        while node != Self.none {
            if parents[Int(node)] == parent, holds(node, sequence, start) { return node }
            node = nextInBucket[Int(node)]
        }
        return nil
    }

    private func holds(_ node: Node, _ sequence: [Int32], _ start: Int) -> Bool {
        for offset in 0..<blockTokens where tokens[Int(node) * blockTokens + offset] != sequence[start + offset] {
            return false
        }
        return true
    }

    /// FNV-1a over the words of the key.
    private func bucket(_ parent: Node, _ sequence: [Int32], _ start: Int) -> Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325 ^ UInt64(UInt32(bitPattern: parent))
        for offset in 0..<blockTokens {
            hash = (hash ^ UInt64(UInt32(bitPattern: sequence[start + offset]))) &* 0x100_0000_01b3
        }
        return Int(truncatingIfNeeded: (hash ^ (hash >> 29)) % UInt64(buckets.count))
    }
}
