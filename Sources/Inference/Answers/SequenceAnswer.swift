import Generation

/// The answer of one sequence as events: text, thinking and calls, each with the log-probabilities of the tokens since the last event.
struct SequenceAnswer: Sendable {
    private var reader: AnswerReader
    private let endsWithToolCalls: Bool
    private var logprobs: [TokenLogprob] = []

    init(_ reading: AnswerReading) {
        reader = AnswerReader(reading)
        endsWithToolCalls = reading.endsWithToolCalls
    }

    var isDone: Bool { reader.isDone }

    mutating func append(_ text: String, _ new: [TokenLogprob], _ send: (GenerationEvent) -> Void) {
        logprobs += new
        pass(reader.append(text), send)
    }

    mutating func finish(_ send: (GenerationEvent) -> Void) {
        pass(reader.finish(), send)
        if !logprobs.isEmpty { send(.delta(text: "", logprobs: takeLogprobs())) }
    }

    /// Why the answer ends, where the sequence ends for this reason.
    func reason(_ reason: FinishReason) -> FinishReason {
        reason == .stop && reader.hasCalls && endsWithToolCalls ? .toolCalls : reason
    }

    private mutating func pass(_ pieces: [AnswerPiece], _ send: (GenerationEvent) -> Void) {
        for piece in pieces {
            switch piece {
            case .text(let text): send(.delta(text: text, logprobs: takeLogprobs()))
            case .reasoning(let text): send(.reasoning(text: text, logprobs: takeLogprobs()))
            case .call(let part): send(.toolCall(part, logprobs: takeLogprobs()))
            }
        }
    }

    private mutating func takeLogprobs() -> [TokenLogprob] {
        defer { logprobs = [] }
        return logprobs
    }
}
