/// Full blocks of computed prompts and answers, found again by what they hold.
///
/// A tree: a node is one block of tokens below the node of the tokens before it; the roots are adapter versions. Equal
/// tokens under another adapter, or under another version of the same one, are other nodes, so a replaced adapter can
/// never meet stale keys and values. Keys are compared whole, not by hash. A plain value of the engine thread.
struct PrefixCache {
    /// Which model computed the block: nil is the base alone.
    typealias Version = String?

    struct Key: Hashable {
        /// Node of the tokens before, or the root of the adapter's version.
        var parent: Int
        var tokens: [Int32]
    }

    private struct Node {
        var key: Key
        var block: BlockIndex
        var children = 0
        var lastUse: UInt64
    }

    private var nodes: [Int: Node] = [:]
    private var index: [Key: Int] = [:]
    private var nodeOfBlock: [BlockIndex: Int] = [:]
    private var roots: [Version: Int] = [:]
    private var nextNode = 0
    private var clock: UInt64 = 0

    var count: Int { nodes.count }

    /// The node under which the first block of that version's prompts hangs.
    mutating func root(of version: Version) -> Int {
        if let root = roots[version] { return root }
        defer { nextNode += 1 }
        roots[version] = nextNode
        return nextNode
    }

    /// The child that holds exactly these tokens, marked as used.
    mutating func find(parent: Int, tokens: ArraySlice<Int32>) -> (node: Int, block: BlockIndex)? {
        guard let node = index[Key(parent: parent, tokens: Array(tokens))] else { return nil }
        clock += 1
        nodes[node]?.lastUse = clock
        return nodes[node].map { (node, $0.block) }
    }

    /// Lists a computed block and answers its node. When another block with the same tokens is listed already, that one is
    /// answered: the two hold the same bytes, since a row's result does not depend on its batch.
    mutating func insert(parent: Int, tokens: ArraySlice<Int32>, block: BlockIndex) -> (node: Int, block: BlockIndex) {
        let key = Key(parent: parent, tokens: Array(tokens))
        if let node = index[key], let listed = nodes[node]?.block { return (node, listed) }
        let node = nextNode
        nextNode += 1
        clock += 1
        nodes[node] = Node(key: key, block: block, lastUse: clock)
        index[key] = node
        nodeOfBlock[block] = node
        nodes[parent]?.children += 1
        return (node, block)
    }

    func isListed(_ block: BlockIndex) -> Bool { nodeOfBlock[block] != nil }

    /// Unlists the least recently used leaf whose block nobody holds, and answers its block: `O(nodes)`.
    mutating func evict(where isIdle: (BlockIndex) -> Bool) -> BlockIndex? {
        var oldest: (node: Int, lastUse: UInt64)?
        for (id, node) in nodes where node.children == 0 && isIdle(node.block) {
            if oldest.map({ node.lastUse < $0.lastUse }) ?? true { oldest = (id, node.lastUse) }
        }
        return oldest.flatMap { remove($0.node) }
    }

    private mutating func remove(_ id: Int) -> BlockIndex? {
        guard let node = nodes.removeValue(forKey: id) else { return nil }
        index[node.key] = nil
        nodeOfBlock[node.block] = nil
        nodes[node.key.parent]?.children -= 1
        return node.block
    }
}
