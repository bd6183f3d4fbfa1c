import Generation
import Synchronization
import Testing

@Suite struct GenerationStreamTests {
    private final class Count: Sendable {
        private let count = Atomic(0)
        var value: Int { count.load(ordering: .sequentiallyConsistent) }
        func add() { count.add(1, ordering: .sequentiallyConsistent) }
    }

    private static func delta(_ text: String) -> GenerationEvent { .delta(text: text, logprobs: []) }
    private static let end = GenerationEvent.finished(
        .stop, GenerationUsage(promptTokens: 1, cachedTokens: 0, completionTokens: 1), GenerationTimings())

    /// What the events say, briefly.
    private static func texts(_ events: [GenerationEvent]) -> [String] {
        events.map { event in
            switch event {
            case .routed: "routed"
            case .started: "started"
            case .reasoning(let text, _): text
            case .toolCall(let part, _): part.arguments
            case .prompt: "prompt"
            case .delta(let text, _): text
            case .finished(let reason, _, _): reason.rawValue
            case .failed(let error): error.code.rawValue
            }
        }
    }

    @Test func theConsumerIsWokenOnceForEachMailboxThatFills() {
        let wakes = Count()
        let stream = GenerationStream { wakes.add() }
        stream.send(Self.delta("a"))
        stream.send(Self.delta("b"))
        #expect(wakes.value == 1)
        #expect(Self.texts(stream.drain()) == ["a", "b"])
        #expect(stream.drain().isEmpty)
        stream.send(Self.delta("c"))
        #expect(wakes.value == 2)
        #expect(Self.texts(stream.drain()) == ["c"])
    }

    @Test func aFullMailboxIsSaturatedAndStillTakesTheEnd() {
        let drains = Count()
        let stream = GenerationStream(capacity: 2) {}
        stream.setDrainHandler { drains.add() }
        stream.send(Self.delta("a"))
        #expect(!stream.isSaturated)
        _ = stream.drain()
        // The producer did not wait for this mailbox, so there is no reason to wake it.
        #expect(drains.value == 0)
        stream.send(Self.delta("b"))
        stream.send(Self.delta("c"))
        #expect(stream.isSaturated)
        #expect(Self.texts(stream.drain()) == ["b", "c"])
        #expect(drains.value == 1 && !stream.isSaturated)
        stream.send(Self.delta("d"))
        stream.send(Self.delta("e"))
        stream.send(Self.end)
        #expect(Self.texts(stream.drain()) == ["d", "e", "stop"])
        // After the end the producer has nothing to go on with.
        #expect(drains.value == 1)
    }

    @Test func nothingFollowsTheEnd() {
        for last in [Self.end, .failed(GenerationError(.overloaded, "full"))] {
            let wakes = Count()
            let stream = GenerationStream { wakes.add() }
            stream.send(last)
            stream.send(Self.delta("late"))
            stream.send(Self.end)
            #expect(stream.drain().count == 1)
            #expect(wakes.value == 1)
        }
    }

    @Test func aCancelledStreamDropsWhatWaitsAndTakesNoMore() {
        let drains = Count()
        let stream = GenerationStream {}
        stream.setDrainHandler { drains.add() }
        stream.send(Self.delta("a"))
        stream.cancel()
        #expect(stream.isCancelled && drains.value == 1)
        stream.send(Self.delta("b"))
        stream.send(Self.end)
        #expect(stream.drain().isEmpty)
    }

    @Test func anExpiredStreamStillTakesItsEnd() {
        let drains = Count()
        let stream = GenerationStream {}
        stream.setDrainHandler { drains.add() }
        stream.send(.started(.init(adapter: nil, adapterVersion: nil, promptTokens: 1, cachedTokens: 0)))
        stream.send(Self.delta("a"))
        #expect(stream.expire())
        #expect(stream.isExpired && !stream.isCancelled && drains.value == 1)
        stream.send(Self.end)
        #expect(Self.texts(stream.drain()).suffix(2) == ["a", "stop"])
        #expect(stream.expire())
        #expect(drains.value == 1)
    }

    @Test func aStreamThatExpiresBeforeItsStartIsCancelled() {
        let drains = Count()
        let stream = GenerationStream {}
        stream.setDrainHandler { drains.add() }
        stream.send(.routed(.explicit(nil, reason: "")))
        #expect(!stream.expire())
        #expect(stream.isCancelled && drains.value == 1)
        stream.send(.started(.init(adapter: nil, adapterVersion: nil, promptTokens: 1, cachedTokens: 0)))
        stream.send(Self.end)
        #expect(stream.drain().isEmpty)
        // A failure that waits is still delivered.
        let failed = GenerationStream {}
        failed.send(.failed(GenerationError(.overloaded, "full")))
        #expect(failed.expire() && failed.drain().count == 1)
    }

    @Test func eventsOfAnotherThreadArriveInOrderAndOnce() async {
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self)
        let stream = GenerationStream(capacity: 4) { wake.yield() }
        let count = 2_000
        let producer = Task.detached {
            for number in 0..<count { stream.send(Self.delta("\(number)")) }
            stream.send(Self.end)
        }
        var texts: [String] = []
        for await _ in wakes {
            texts += Self.texts(stream.drain())
            if texts.last == "stop" { break }
        }
        await producer.value
        #expect(texts == (0..<count).map(String.init) + ["stop"])
    }

    @Test func aMergeIsLabelledByItsParts() {
        let merge = AdapterMerge([.init("bash"), .init("sql", weight: 0.5)])
        #expect(merge.label == "bash+sql")
        #expect(!merge.strategy.isSparse && AdapterMerge.Strategy.dareTies.isSparse)
    }
}
