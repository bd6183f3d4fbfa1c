import Foundation
import Generation
import Serving

/// One request, run to its end on the calling thread.
struct Answer {
    var text = ""
    /// Who answers; nil where a backend was asked without the serving layer.
    var decision: RouteDecision?
    var start: GenerationStart?
    var finish = FinishReason.stop
    var usage = GenerationUsage(promptTokens: 0, cachedTokens: 0, completionTokens: 0)
    var timings = GenerationTimings()

    /// Lets the serving layer choose who answers. Throws what it or the backend reports.
    ///
    /// - Parameters:
    ///   - started: told who answers, before the first text.
    ///   - onText: gets the pieces as they come.
    static func run(
        _ selection: RoutedPrompt.Selection, _ request: GenerationRequest, on serving: RoutedBackend,
        started: (RouteDecision) -> Void = { _ in }, onText: (String) -> Void
    ) throws -> Answer {
        try collect(started: started, onText: onText) { stream in
            serving.answer([RoutedPrompt(selection, choices: [.init(request, stream: stream)])])
        }
    }

    /// Of one backend, with the adapter that the request names.
    static func run(_ request: GenerationRequest, on backend: any GenerationBackend, onText: (String) -> Void) throws -> Answer {
        try collect(started: { _ in }, onText: onText) { backend.submit(request, to: $0) }
    }

    private static func collect(
        started: (RouteDecision) -> Void, onText: (String) -> Void, from begin: (GenerationStream) -> Void
    ) throws -> Answer {
        let ready = DispatchSemaphore(value: 0)
        let stream = GenerationStream(capacity: 1024, onEvents: { ready.signal() })
        begin(stream)
        var answer = Answer()
        while true {
            ready.wait()
            for event in stream.drain() {
                switch event {
                case .routed(let decision): answer.decision = decision
                case .started(let start):
                    answer.start = start
                    if let decision = answer.decision { started(decision) }
                case .delta(let text, _):
                    answer.text += text
                    onText(text)
                case .reasoning, .toolCall, .prompt: continue
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
