import Foundation
import TestSupport
import Testing

@testable import Memory

@Suite("Cost of a store")
struct StoreCostTests {
    /// Memory of the process, in bytes.
    private static func resident() throws -> Int {
        let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
        return (Int(fields[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    private static func fill(_ store: MemoryStore, _ count: Int) throws {
        for start in stride(from: 0, to: count, by: 2500) {
            try store.add((start..<min(count, start + 2500)).map { StoreFixture.record($0 * 3) })
        }
    }

    /// Nodes and chunks that a change made, and bytes that it wrote.
    private func cost(_ store: MemoryStore, _ body: () throws -> Void) throws -> (nodes: Int, bytes: Int) {
        let before = store.snapshot
        try body()
        let after = store.snapshot
        return (after.contents.nodesNotShared(with: before.contents), after.bytes - before.bytes)
    }

    /// One process of its own, so that the memory of other tests is not counted: 100,000 facts, then what changes of one fact cost.
    @Test("100,000 facts take little memory, open from their indexes, and cost a change as much as ten do")
    func hundredThousand() async throws {
        await #expect(processExitsWith: .success) {
            let (few, many) = (try StoreFixture(), try StoreFixture())
            var limits = StoreLimits()
            limits.segmentBytes = 8 << 20
            let small = try few.open(limits)
            try StoreCostTests.fill(small, 10)
            var large: MemoryStore? = try many.open(limits)
            let before = try StoreCostTests.resident()
            try StoreCostTests.fill(try #require(large), 100_000)
            // 3 MB are the vectors of 8 elements, with their scales and ids.
            #expect(try StoreCostTests.resident() - before < 80 << 20)
            large = nil
            for name in try many.files where name.hasSuffix(".index") {
                // Were a segment read in place of its index, this would be an error.
                let segment = name.replacing(".index", with: ".facts")
                var bytes = try many.bytes(segment)
                bytes[SegmentFile.headerBytes] ^= 1
                try many.write(bytes, segment)
            }
            large = try many.open(limits)
            let store = try #require(large)
            #expect(store.snapshot.count == 100_000)
            let tests = StoreCostTests()
            let record = StoreFixture.record(30)
            let adds = try [small, store].map { store in try tests.cost(store) { try store.add([record]) } }
            let changes = try [(small, 5), (store, 50_005)].map { store, id in
                try tests.cost(store) { try store.change(record.with(id: Fact.ID(id))) }
            }
            let forgets = try [(small, 6), (store, 50_006)].map { store, id in try tests.cost(store) { try store.forget([Fact.ID(id)]) } }
            for costs in [adds, changes, forgets] {
                #expect(costs[0].bytes == costs[1].bytes)
                // A path is longer by the two levels that 100,000 ids have more than 10, and the tree of chunks by one or two.
                #expect(costs[1].nodes <= costs[0].nodes + 8, "\(costs)")
                #expect(costs[1].nodes <= 20, "\(costs)")
            }
        }
    }
}
