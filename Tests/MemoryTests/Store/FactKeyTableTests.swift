import Testing

@testable import Memory

@Suite("Table of keys")
struct FactKeyTableTests {
    private func keys(_ fact: Int, _ count: Int, _ dimension: Int = 4) -> [FactKey] {
        (0..<count).map { FactKey(sentence: [Int8](repeating: Int8(truncatingIfNeeded: fact), count: dimension), scale: Float($0)) }
    }

    /// Every row: fact, wording, scale, first element.
    private func rows(_ table: FactKeyTable) -> [[Int]] {
        var rows: [[Int]] = []
        for index in 0..<table.chunkCount {
            let chunk = table[chunk: index]
            for row in 0..<chunk.count {
                let numbers: [Int] = [Int(chunk.facts[row]), Int(chunk.wordings[row]), Int(chunk.scales[row])]
                rows.append(numbers + [Int(chunk.vectors[row * chunk.dimension])])
            }
        }
        return rows
    }

    @Test("a fact's keys are rows of one chunk, question first")
    func inserts() {
        var table = FactKeyTable(dimension: 4)
        #expect(table.insert(keys(7, 3), of: 7) == 0)
        #expect(table.insert(keys(9, 1), of: 9) == 0)
        #expect(rows(table) == [[7, 0, 0, 7], [7, 1, 1, 7], [7, 2, 2, 7], [9, 0, 0, 9]])
        #expect(table.insert(keys(1, 253), of: 1) == 1, "a fact is never split")
        #expect(table.insert(keys(2, 252), of: 2, preferring: 0) == 0)
        #expect(table.chunkCount == 2 && table.count == 509)
    }

    @Test("a removed fact has no rows, and its chunk takes others")
    func removes() {
        var table = FactKeyTable(dimension: 4)
        for fact in 0..<300 { table.insert(keys(fact, 2), of: Fact.ID(fact)) }
        let before = table
        for fact in 0..<128 { table.remove(Fact.ID(fact), chunk: fact / 128) }
        #expect(table.count == 344 && table.chunkCount == 3 && table[chunk: 0].count == 0)
        #expect(before.count == 600 && before[chunk: 0].count == 256)
        #expect(table.insert(keys(300, 2), of: 300, preferring: 0) == 0)
        #expect(Set(rows(table).map { $0[0] }) == Set(128...300))
        #expect(rows(table).allSatisfy { $0[3] == Int(Int8(truncatingIfNeeded: $0[0])) })
    }

    @Test("to add a fact copies one chunk, whatever the number of facts", arguments: [1, 1000, 40_000])
    func cost(count: Int) {
        var table = FactKeyTable(dimension: 4)
        for fact in 0..<count { table.insert(keys(fact, 1), of: Fact.ID(fact)) }
        let before = table
        table.insert(keys(5, 1), of: 100_000)
        #expect(table.nodesNotShared(with: before) <= 3)
        let unshared = (0..<before.chunkCount).filter { index in
            table[chunk: index].vectors.withUnsafeBytes { $0.baseAddress } != before[chunk: index].vectors.withUnsafeBytes { $0.baseAddress }
        }
        #expect(unshared.count <= 1)
    }
}
