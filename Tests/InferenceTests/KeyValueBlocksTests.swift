import Testing

@testable import Inference

@Suite("KV blocks and the prefix cache")
struct KeyValueBlocksTests {
    private let tokens = (0..<100).map(Int32.init)

    /// A sequence that computed `count` tokens.
    private func computed(_ blocks: inout KeyValueBlocks, _ tokens: [Int32], owner: PrefixOwner) -> BlockTable {
        var table = blocks.takePrefix(of: tokens, owner: owner)
        #expect(blocks.grow(&table, tokens: tokens.count))
        blocks.cacheFullBlocks(of: &table, tokens: tokens, computed: tokens.count)
        return table
    }

    @Test("a prompt that was computed is found again, all but its last token")
    func reuse() {
        var blocks = KeyValueBlocks(blocks: 8, blockTokens: 4)
        var first = computed(&blocks, Array(tokens[..<12]), owner: .base)
        let held = first.blocks
        blocks.release(&first)
        let again = blocks.takePrefix(of: Array(tokens[..<12]), owner: .base)
        #expect(again.blocks == Array(held[..<2]))
        let longer = blocks.takePrefix(of: Array(tokens[..<13]), owner: .base)
        #expect(longer.blocks == held)
    }

    @Test("the same tokens under another adapter version are never shared")
    func versions() {
        var blocks = KeyValueBlocks(blocks: 8, blockTokens: 4)
        var first = computed(&blocks, Array(tokens[..<9]), owner: PrefixOwner(version: "a"))
        blocks.release(&first)
        #expect(blocks.takePrefix(of: Array(tokens[..<9]), owner: PrefixOwner(version: "b")).blocks.isEmpty)
        #expect(blocks.takePrefix(of: Array(tokens[..<9]), owner: .base).blocks.isEmpty)
        #expect(blocks.takePrefix(of: Array(tokens[..<9]), owner: PrefixOwner(version: "a", isShort: true)).blocks.isEmpty, "other rotations")
        #expect(blocks.takePrefix(of: Array(tokens[..<9]), owner: PrefixOwner(version: "a")).blocks.count == 2)
    }

    @Test("equal blocks computed by two sequences become one")
    func deduplication() {
        var blocks = KeyValueBlocks(blocks: 8, blockTokens: 4)
        let prompt = Array(tokens[..<9])
        var first = blocks.takePrefix(of: prompt, owner: .base)
        var second = blocks.takePrefix(of: prompt, owner: .base)
        #expect(blocks.grow(&first, tokens: 9))
        #expect(blocks.grow(&second, tokens: 9))
        #expect(blocks.availableCount == 2)
        blocks.cacheFullBlocks(of: &first, tokens: prompt, computed: 9)
        blocks.cacheFullBlocks(of: &second, tokens: prompt, computed: 9)
        #expect(first.blocks[..<2] == second.blocks[..<2])
        #expect(first.blocks[2] != second.blocks[2])
        #expect(blocks.availableCount == 4)
    }

    @Test("a prompt goes on from what another one computed since")
    func extending() {
        var blocks = KeyValueBlocks(blocks: 10, blockTokens: 4)
        let prompt = Array(tokens[..<17])
        var leader = blocks.takePrefix(of: prompt, owner: .base)
        var follower = blocks.takePrefix(of: prompt, owner: .base)
        #expect(blocks.grow(&follower, tokens: 4), "a block that it did not get to fill")
        #expect(blocks.grow(&leader, tokens: 17))
        blocks.cacheFullBlocks(of: &leader, tokens: prompt, computed: 10)
        #expect(blocks.extend(&follower, of: prompt) == 2)
        #expect(follower.blocks == Array(leader.blocks[..<2]))
        blocks.cacheFullBlocks(of: &leader, tokens: prompt, computed: 17)
        #expect(blocks.extend(&follower, of: prompt) == 2)
        #expect(blocks.extend(&follower, of: prompt) == 0)
        #expect(blocks.canGrow(follower, tokens: 36) && !blocks.canGrow(follower, tokens: 41))
        var other = blocks.takePrefix(of: prompt, owner: PrefixOwner(version: "v"))
        #expect(blocks.extend(&other, of: prompt) == 0, "another version shares nothing")
        blocks.release(&leader)
        blocks.release(&follower)
        #expect(blocks.availableCount == 10)
    }

    @Test("cached prefixes give way, the least recently used first, and running sequences keep theirs")
    func eviction() {
        var blocks = KeyValueBlocks(blocks: 4, blockTokens: 4)
        var old = computed(&blocks, [1, 2, 3, 4, 5, 6, 7, 8], owner: .base)
        var young = computed(&blocks, [9, 10, 11, 12], owner: .base)
        blocks.release(&old)
        blocks.release(&young)
        var running = blocks.takePrefix(of: [20], owner: .base)
        #expect(blocks.grow(&running, tokens: 8))
        #expect(blocks.takePrefix(of: [9, 10, 11, 12, 0], owner: .base).blocks.count == 1)
        #expect(blocks.takePrefix(of: [1, 2, 3, 4, 5], owner: .base).blocks.count == 1)
        #expect(!blocks.grow(&running, tokens: 100))
    }

    @Test("nothing leaks and nothing is held twice over random operations", arguments: [1, 2, 3, 4])
    func random(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var blocks = KeyValueBlocks(blocks: 24, blockTokens: 4)
        var tables: [(table: BlockTable, tokens: [Int32], computed: Int)] = []
        for _ in 0..<3000 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                let length = Int.random(in: 1...40, using: &random)
                let tokens = (0..<length).map { _ in Int32.random(in: 0..<2, using: &random) }
                let version: String? = Bool.random(using: &random) ? "v" : nil
                let table = blocks.takePrefix(of: tokens, owner: PrefixOwner(version: version))
                tables.append((table, tokens, table.blocks.count * 4))
            case 1 where !tables.isEmpty:
                let index = Int.random(in: tables.indices, using: &random)
                if blocks.grow(&tables[index].table, tokens: tables[index].tokens.count) {
                    tables[index].computed = tables[index].tokens.count
                    blocks.cacheFullBlocks(of: &tables[index].table, tokens: tables[index].tokens, computed: tables[index].computed)
                }
            case 2 where !tables.isEmpty:
                let index = Int.random(in: tables.indices, using: &random)
                blocks.release(&tables[index].table)
                tables.remove(at: index)
            case 3 where !tables.isEmpty:
                let index = Int.random(in: tables.indices, using: &random)
                if tables[index].computed == tables[index].table.cachedBlocks * 4 {
                    blocks.extend(&tables[index].table, of: tables[index].tokens)
                    tables[index].computed = tables[index].table.cachedBlocks * 4
                }
            default:
                break
            }
            var held = [Int32](repeating: 0, count: 24)
            for entry in tables { for block in entry.table.blocks { held[Int(block)] += 1 } }
            #expect(held == blocks.pool.references, "seed \(seed)")
            #expect(blocks.availableCount == held.count { $0 == 0 }, "seed \(seed)")
        }
        for index in tables.indices { blocks.release(&tables[index].table) }
        var whole = blocks.takePrefix(of: [7], owner: PrefixOwner(version: "other"))
        #expect(blocks.grow(&whole, tokens: 24 * 4), "seed \(seed)")
    }

    @Test("there are never more roots than cached blocks and tables, and a number that is used again shares nothing")
    func boundedRoots() {
        var blocks = KeyValueBlocks(blocks: 8, blockTokens: 4)
        for index in 0..<1000 {
            let owner = PrefixOwner(version: "version \(index)")
            var table = blocks.takePrefix(of: Array(tokens[..<9]), owner: owner)
            #expect(table.blocks.isEmpty, "a new version shares nothing")
            #expect(blocks.grow(&table, tokens: 9))
            if index % 3 > 0 { blocks.cacheFullBlocks(of: &table, tokens: Array(tokens[..<9]), computed: 9) }
            blocks.release(&table)
            #expect(blocks.prefixes.rootCount <= 8)
        }
    }
}
