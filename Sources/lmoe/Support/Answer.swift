import Foundation
import Generation
import Inference

/// One request, run to its end on the calling thread.
struct Answer {
    var text = ""
    var start: GenerationStart?
    var finish = FinishReason.stop
    var usage = GenerationUsage(promptTokens: 0, cachedTokens: 0, completionTokens: 0)
    var timings = GenerationTimings()

    /// `onText` gets the pieces as they come. Throws what the engine reports.
    static func run(_ request: GenerationRequest, on engine: Engine, onText: (String) -> Void) throws -> Answer {
        let ready = DispatchSemaphore(value: 0)
        let stream = GenerationStream(capacity: 1024, onEvents: { ready.signal() })
        engine.submit(request, to: stream)
        var answer = Answer()
        while true {
            ready.wait()
            for event in stream.drain() {
                switch event {
                case .started(let start): answer.start = start
                case .delta(let text, _):
                    answer.text += text
                    onText(text)
                case .finished(let reason, let usage, let timings):
                    answer.finish = reason
                    answer.usage = usage
                    answer.timings = timings
                    return answer
                case .failed(let error): throw Failure(message: error.message)
                }
            }
        }
    }
}
