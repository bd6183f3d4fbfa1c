import Dispatch
import Generation
import Synchronization
import Testing

@testable import Serving

/// Queues of the serving layer have an end, and what does not fit is counted.
@Suite struct BoundsTests {
    private final class Names: Sendable { let all = Mutex<[String]>([]) }

    @Test func aFullQueueRefusesAtOnce() async throws {
        let queue = WorkQueue("test", capacity: 1, purpose: "to be tested")
        let gate = DispatchSemaphore(value: 0)
        let first = Task { try await queue.run { gate.wait() } }
        while queue.count == 0 { await Task.yield() }
        let second = Task { try await queue.run {} }
        while queue.count == 1 { await Task.yield() }
        let error = await #expect(throws: GenerationError.self) { try await queue.run {} }
        #expect(error?.code == .overloaded && error?.message == "Too many requests wait to be tested.")
        #expect(queue.refused == 1)
        gate.signal()
        try await first.value
        try await second.value
        try await queue.run {}
    }

    @Test func workOfAClientThatLeftIsSkipped() async throws {
        let queue = WorkQueue("test", capacity: 4, purpose: "to be tested")
        let ran = Names()
        let gate = DispatchSemaphore(value: 0)
        let first = Task {
            try await queue.runWhileWanted { isAbandoned in
                gate.wait()
                return isAbandoned()
            }
        }
        while queue.count == 0 { await Task.yield() }
        let second = Task { try await queue.runWhileWanted { _ in ran.all.withLock { $0.append("unwanted") } } }
        let third = Task { try await queue.run { ran.all.withLock { $0.append("change") } } }
        while queue.count < 3 { await Task.yield() }
        for cancel in [first.cancel, second.cancel, third.cancel] { cancel() }
        gate.signal()
        #expect(try await first.value, "the work itself can ask")
        await #expect(throws: CancellationError.self) { try await second.value }
        try await third.value
        #expect(ran.all.withLock { $0 } == ["change"])
    }

    @Test func anAdapterThatIsDroppedBeforeItsTurnIsNotLoaded() async {
        var limits = ServingLimits()
        limits.prefetchThreads = 1
        let gate = DispatchSemaphore(value: 0)
        let loaded = Mutex<[String]>([])
        let prefetch = Prefetch(
            limits,
            load: { adapter throws(GenerationError) in
                loaded.withLock { $0.append(adapter) }
                gate.wait()
            }, failed: { _, _ in })
        for name in ["a", "b", "c"] { prefetch.start(name) }
        prefetch.drop("b")
        prefetch.drop("unknown")
        #expect(prefetch.counters.waiting == 1)
        for _ in 0..<2 { gate.signal() }
        while prefetch.counters.running > 0 { await Task.yield() }
        #expect(loaded.withLock { $0 } == ["a", "c"])
    }

    @Test func prefetchesAreFewAtATimeAndDroppedBeyondTheBound() async {
        var limits = ServingLimits()
        limits.prefetchThreads = 2
        limits.waitingPrefetches = 3
        let gate = DispatchSemaphore(value: 0)
        let running = Mutex(0)
        let most = Mutex(0)
        let failures = Mutex<[String]>([])
        let prefetch = Prefetch(
            limits,
            load: { adapter throws(GenerationError) in
                let now = running.withLock { running in
                    running += 1
                    return running
                }
                most.withLock { $0 = max($0, now) }
                gate.wait()
                running.withLock { $0 -= 1 }
                if adapter == "a1" { throw GenerationError(.adapterRejected, "torn") }
            }, failed: { adapter, error in failures.withLock { $0.append("\(adapter): \(error.message)") } })
        for number in 0..<10 {
            prefetch.start("a\(number)")
            prefetch.start("a0")
        }
        #expect(prefetch.counters.running == 2 && prefetch.counters.waiting == 3)
        #expect(prefetch.counters.dropped == 5)
        while running.withLock({ $0 }) < 2 { await Task.yield() }
        for _ in 0..<5 { gate.signal() }
        while prefetch.counters.running > 0 { await Task.yield() }
        #expect(most.withLock { $0 } == 2)
        #expect(prefetch.counters == .init(waiting: 0, running: 0, loaded: 4, failed: 1, dropped: 5))
        #expect(failures.withLock { $0 } == ["a1: torn"])
    }
}
