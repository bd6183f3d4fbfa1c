import Foundation
import Synchronization
import Testing

@testable import Tensors

@Suite struct WorkerPoolTests {
    @Test(arguments: [1, 2, 3, 5]) func everyThreadRunsOnceARun(threads: Int) {
        let pool = WorkerPool(threads: threads)
        for _ in 0..<200 {
            let seen = (0..<threads).map { _ in Counter() }
            pool.run { seen[$0].value.wrappingAdd(1, ordering: .relaxed) }
            #expect(seen.allSatisfy { $0.value.load(ordering: .relaxed) == 1 })
        }
    }

    @Test(arguments: [1, 2, 3]) func anObjectRunsLikeAClosure(threads: Int) {
        final class Tally: PoolWork {
            let seen: [Counter]
            init(_ threads: Int) { seen = (0..<threads).map { _ in Counter() } }
            func work(thread: Int) { seen[thread].value.wrappingAdd(1, ordering: .relaxed) }
        }
        let pool = WorkerPool(threads: threads)
        let tally = Tally(threads)
        for _ in 0..<100 { pool.run(tally) }
        #expect(tally.seen.allSatisfy { $0.value.load(ordering: .relaxed) == 100 })
    }

    /// More than 16 threads meet in groups of 8; 17 and 65 leave a group of one.
    @Test(arguments: [1, 2, 4, 17, 64, 65]) func whatWasWrittenBeforeABarrierIsSeenAfterIt(threads: Int) {
        let pool = WorkerPool(threads: threads)
        // Plain memory, no atomics: only the barrier orders it.
        let cells = FloatBuffer(count: threads * 64)
        let wrong = Counter()
        pool.run { thread in
            for round in 1...(threads > 16 ? 50 : 500) {
                cells.pointer[thread * 64] = Float(round)
                pool.barrier()
                for other in 0..<threads where cells.pointer[other * 64] != Float(round) {
                    wrong.value.wrappingAdd(1, ordering: .relaxed)
                }
                pool.barrier()
            }
        }
        #expect(wrong.value.load(ordering: .relaxed) == 0)
    }

    /// A thread's place at the barrier is that of the run that it is in: here the inner caller's is 0, and 13 again.
    @Test func aRunInsideARunOfAnotherPoolKeepsTheBarriersApart() {
        let (outer, inner) = (WorkerPool(threads: 20), WorkerPool(threads: 20))
        let cells = FloatBuffer(count: 20 * 64)
        let wrong = Counter()
        outer.run { thread in
            if thread == 13 { inner.run { _ in inner.barrier() } }
            for round in 1...20 {
                cells.pointer[thread * 64] = Float(round)
                outer.barrier()
                for other in 0..<20 where cells.pointer[other * 64] != Float(round) { wrong.value.wrappingAdd(1, ordering: .relaxed) }
                outer.barrier()
            }
        }
        #expect(wrong.value.load(ordering: .relaxed) == 0)
    }

    @Test func callersNeverOverlapAndAllAreServed() {
        let pool = WorkerPool(threads: 2)
        let inside = Counter(), overlaps = Counter(), runs = Counter()
        let callers = (0..<4).map { _ in
            Thread {
                for _ in 0..<100 {
                    pool.run { thread in
                        if thread == 0, inside.value.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue != 1 {
                            overlaps.value.wrappingAdd(1, ordering: .relaxed)
                        }
                        pool.barrier()
                        if thread == 0 { inside.value.wrappingSubtract(1, ordering: .sequentiallyConsistent) }
                    }
                    runs.value.wrappingAdd(1, ordering: .sequentiallyConsistent)
                }
            }
        }
        callers.forEach { $0.start() }
        while runs.value.load(ordering: .sequentiallyConsistent) < 400 { usleep(1000) }
        #expect(overlaps.value.load(ordering: .relaxed) == 0)
    }

    @Test func sleepingThreadsWake() {
        let pool = WorkerPool(threads: 3)
        let calls = Counter()
        for _ in 0..<20 {
            usleep(3000)  // longer than they spin
            pool.run { _ in
                calls.value.wrappingAdd(1, ordering: .relaxed)
                pool.barrier()
            }
        }
        #expect(calls.value.load(ordering: .relaxed) == 60)
    }

    @Test func slicesCoverTheWholeInOrderInWholeMultiples() {
        for count in [0, 1, 15, 16, 17, 576, 577, 49152] {
            for threads in 1...5 {
                for multiple in [1, 16] {
                    var next = 0
                    for thread in 0..<threads {
                        let slice = WorkerPool.slice(count, of: thread, threads: threads, multiple: multiple)
                        #expect(slice.lowerBound == next)
                        #expect(slice.upperBound % multiple == 0 || slice.upperBound == count)
                        next = slice.upperBound
                    }
                    #expect(next == count)
                }
            }
        }
    }
}

private final class Counter: Sendable {
    let value = Atomic<Int>(0)
}
