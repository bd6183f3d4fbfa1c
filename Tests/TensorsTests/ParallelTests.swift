import Synchronization
import Testing

@testable import Tensors

@Suite struct ParallelTests {
    @Test(arguments: [0, 1, 7, 8, 9, 1_000], [1, 3, 8])
    func everyIndexIsVisitedOnce(count: Int, piece: Int) {
        let visits = Mutex([Int](repeating: 0, count: count))
        Parallel.forEach(count, threads: 4, piece: piece) { range in
            visits.withLock { for index in range { $0[index] += 1 } }
        }
        #expect(visits.withLock { $0.allSatisfy { $0 == 1 } })
    }

    @Test func resultsAreInTheOrderOfTheItems() {
        let items = Array(0..<100)
        #expect(Parallel.map(items, piece: 3) { $0 * 2 } == items.map { $0 * 2 })
        // Within each other, on the threads that they ask for.
        let sums = Parallel.map(items, piece: 1) { outer in Parallel.map(items, piece: 1) { $0 + outer }.reduce(0, +) }
        #expect(sums == items.map { 4_950 + 100 * $0 })
    }
}
