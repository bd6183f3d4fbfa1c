import Generation
@testable import Inference
import Testing

/// All that a backend said of one request.
struct Answer: Sendable {
    var start: GenerationStart?
    var text = ""
    var reasoning = ""
    /// As far as they came.
    var calls: [ToolCallPart] = []
    var logprobs: [TokenLogprob] = []
    /// nil: it did not come.
    var report: PromptReport?
    /// The log-probabilities of the prompt.
    var prompt: [TokenLogprob?]? { report?.logprobs }
    var reason: FinishReason?
    var usage: GenerationUsage?
    var failure: GenerationError?

    /// True at the last event.
    mutating func take(_ event: GenerationEvent) -> Bool {
        switch event {
        case .routed: break
        case .reasoning(let text, let logprobs):
            reasoning += text
            self.logprobs += logprobs
        case .toolCall(let part, let logprobs):
            if part.index == calls.count { calls.append(part) } else { calls[part.index].arguments += part.arguments }
            self.logprobs += logprobs
        case .prompt(let report): self.report = report
        case .started(let start): self.start = start
        case .delta(let text, let logprobs):
            self.text += text
            self.logprobs += logprobs
        case .finished(let reason, let usage, _):
            self.reason = reason
            self.usage = usage
            return true
        case .failed(let error):
            failure = error
            return true
        }
        return false
    }
}

extension Engine {
    /// Returns when nothing runs any more, so that another engine may use the base. Takes no requests after.
    func settle() async { await withCheckedContinuation { done in drain { done.resume() } } }

    /// Runs a request to its end.
    func answer(_ request: GenerationRequest) async -> Answer {
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self)
        let stream = GenerationStream { wake.yield() }
        submit(request, to: stream)
        var answer = Answer()
        for await _ in wakes {
            for event in stream.drain() where answer.take(event) { return answer }
        }
        return answer
    }
}
