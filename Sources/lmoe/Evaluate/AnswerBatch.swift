import Foundation
import Generation
import Synchronization

/// One answer of a batch.
struct GeneratedAnswer {
    var text = ""
    var finish = FinishReason.stop
}

/// Many requests through one backend, a bounded number of them at once, so that its steps are full.
struct AnswerBatch {
    private let requests: [GenerationRequest]
    private let backend: any GenerationBackend
    private let atOnce: Int

    /// Which streams have something; any thread.
    private final class Wakes: Sendable {
        private let ready = DispatchSemaphore(value: 0)
        private let streams = Mutex<[Int]>([])

        func add(_ stream: Int) {
            streams.withLock { $0.append(stream) }
            ready.signal()
        }

        func next() -> Int {
            ready.wait()
            return streams.withLock { $0.removeFirst() }
        }
    }

    init(_ requests: [GenerationRequest], on backend: any GenerationBackend, atOnce: Int) {
        (self.requests, self.backend, self.atOnce) = (requests, backend, max(atOnce, 1))
    }

    /// The answers in the order of the requests. Blocks the calling thread. Errors: that of the first request that fails.
    func answers(_ finished: () -> Void) throws -> [GeneratedAnswer] {
        var answers = [GeneratedAnswer](repeating: GeneratedAnswer(), count: requests.count)
        var streams: [Int: GenerationStream] = [:]
        let wakes = Wakes()
        var next = 0
        defer { for stream in streams.values { stream.cancel() } }
        while next < requests.count || !streams.isEmpty {
            while next < requests.count, streams.count < atOnce {
                let number = next
                let stream = GenerationStream(capacity: 1024, onEvents: { wakes.add(number) })
                streams[number] = stream
                backend.submit(requests[number], to: stream)
                next += 1
            }
            let number = wakes.next()
            for event in streams[number]?.drain() ?? [] {
                switch event {
                case .routed, .started, .reasoning, .toolCall, .prompt: continue
                case .delta(let text, _): answers[number].text += text
                case .finished(let reason, _, _):
                    answers[number].finish = reason
                    streams[number] = nil
                    finished()
                case .failed(let error): throw Failure(message: "\(requests[number].id): \(error.message)")
                }
            }
        }
        return answers
    }
}
