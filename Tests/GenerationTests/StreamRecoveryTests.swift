import Synchronization
import Testing

@testable import Generation

/// A request that another backend takes over before it begins.
@Suite struct StreamRecoveryTests {
    private static let gone = GenerationError(.adapterNotFound, "gone")
    private static let started = GenerationEvent.started(.init(adapter: nil, adapterVersion: nil, promptTokens: 1, cachedTokens: 0))

    private func kinds(_ stream: GenerationStream) -> [String] {
        stream.drain().map { event in
            switch event {
            case .routed: "routed"
            case .started: "started"
            case .delta(let text, _): text
            case .finished: "finished"
            case .failed(let error): error.message
            }
        }
    }

    @Test func aFailureBeforeTheStartMayBeTakenOverOnce() {
        let stream = GenerationStream(onEvents: {})
        let told = Mutex(0)
        stream.setRecovery { _, _ in
            told.withLock { $0 += 1 }
            return true
        }
        stream.send(.failed(Self.gone))
        #expect(told.withLock { $0 } == 1 && kinds(stream).isEmpty && !stream.hasEnded)
        stream.send(.failed(Self.gone))
        #expect(told.withLock { $0 } == 1 && kinds(stream) == ["gone"] && stream.hasEnded)
    }

    @Test func whatIsNotTakenOverIsDelivered() {
        let stream = GenerationStream(onEvents: {})
        stream.setRecovery { _, _ in false }
        stream.send(.failed(Self.gone))
        #expect(kinds(stream) == ["gone"])
    }

    @Test func afterTheStartAFailureIsTheEnd() {
        let stream = GenerationStream(onEvents: {})
        stream.setRecovery { _, _ in true }
        stream.send(Self.started)
        stream.send(.failed(Self.gone))
        stream.send(.delta(text: "late", logprobs: []))
        #expect(kinds(stream) == ["started", "gone"])
    }

    @Test func aCancelledStreamTakesNothingOver() {
        let stream = GenerationStream(onEvents: {})
        let told = Mutex(false)
        stream.setRecovery { _, _ in
            told.withLock { $0 = true }
            return true
        }
        stream.cancel()
        stream.send(.failed(Self.gone))
        #expect(!told.withLock { $0 } && kinds(stream).isEmpty)
    }
}
