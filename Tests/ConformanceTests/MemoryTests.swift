import Dispatch
import Models
import Synchronization
import Tensors
import Testing

@testable import Adapters

@Suite("the memory of every family")
struct MemoryTests {
    @Test("headers tell how many bytes it takes", arguments: FixtureCase.all)
    func byteCount(fixture: FixtureCase) throws {
        for element in LowRank.Element.allCases {
            let store = try fixture.store(element: element)
            _ = store.rescan()
            let planned = try #require(store.status(fixture.name))
            #expect(planned.state == .ready, "\(planned.state)")
            let adapter = try store.acquire(fixture.name)
            // A copy of the base's weights that is the base's own is counted, but not kept.
            let isDropped = ["embedding-and-head-copies", "copies-equal-tied"].contains(fixture.name)
            #expect(isDropped ? adapter.delta.byteCount < planned.byteCount : adapter.delta.byteCount == planned.byteCount, "\(element)")
            #expect(store.counters.residentBytes == adapter.delta.byteCount)
        }
    }

    @Test("unloading returns it, and does not touch a request that runs", arguments: FixtureCase.all)
    func unload(fixture: FixtureCase) throws {
        let decoder = try TinyBase.decoder(fixture.base, .fast)
        let store = try fixture.store(element: .int8)
        let tokens = try fixture.expected().tensor("tokens").int32s()
        let references = References()
        try { () throws in
            let running = try store.acquire(fixture.name)
            references.delta = running.delta
            let whole = Sequence(tokens, delta: running.delta).logits(decoder)
            store.drop(fixture.name)
            #expect(store.status(fixture.name)?.pins == 1)
            // The dropped one goes on, beside one that is loaded anew.
            let again = try store.acquire(fixture.name)
            #expect(again.delta !== running.delta && again.version == running.version)
            #expect(Sequence(tokens, delta: running.delta).logits(decoder) == whole)
            #expect(Sequence(tokens, delta: again.delta).logits(decoder) == whole)
            references.next = again.delta
            #expect(references.delta != nil)
        }()
        PinnedAdapter.finishReleases()
        #expect(references.delta == nil, "the last request that held it has ended")
        #expect(references.next != nil, "resident, for the next request")
        store.drop(fixture.name)
        PinnedAdapter.finishReleases()
        #expect(references.next == nil)
        #expect(store.counters.residentBytes == 0)
    }

    @Test("loading and unloading beside a running step changes none of its bits", arguments: FixtureCase.all)
    func underLoad(fixture: FixtureCase) throws {
        let store = try fixture.store(element: .int8)
        let decoder = try TinyBase.decoder(fixture.base, .fast)
        let running = try store.acquire(fixture.name)
        let sequence = Sequence(try fixture.expected().tensor("tokens").int32s(), delta: running.delta)
        let whole = sequence.logits(decoder)
        let isEqual = Mutex(true)
        let (weights, pool) = (decoder.weights, WorkerPool(threads: 1))
        DispatchQueue.concurrentPerform(iterations: 2) { worker in
            let workspace = worker == 0 ? try? StepWorkspace(weights, pool: pool) : nil
            for _ in 0..<12 {
                if worker == 0 {
                    let rows = workspace.map { sequence.logits($0, chunk: 5) }
                    isEqual.withLock { $0 = $0 && rows == whole }
                } else {
                    store.drop(fixture.name)
                    let again = try? store.acquire(fixture.name)
                    isEqual.withLock { $0 = $0 && again?.version == running.version }
                }
            }
        }
        #expect(isEqual.withLock { $0 })
    }

    private final class References {
        weak var delta: AdapterDelta?
        weak var next: AdapterDelta?
    }
}
