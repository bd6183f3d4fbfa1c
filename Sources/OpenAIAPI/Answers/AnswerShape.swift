import Generation
import JSON

/// How an endpoint writes an answer: whole, or as the frames of a stream. It does no I/O; it may keep the state of its one stream.
protocol AnswerShape: Sendable {
    var errors: ErrorDialect { get }
    /// The start of the answer's id, before the number.
    var idPrefix: String { get }
    /// OpenAI ends streams with `[DONE]`, LoRAX does not.
    var endsWithDone: Bool { get }
    var framing: StreamFraming { get }

    func whole(_ answer: Answer) -> JSONValue
    /// Frames when a choice starts.
    mutating func opening(_ choice: Int, of answer: inout Answer) -> [JSONValue]
    /// Frames of a new part and its log-probabilities. `answer` has the part already.
    mutating func delta(_ part: AnswerPart, _ logprobs: [TokenLogprob], _ choice: Int, of answer: inout Answer) -> [JSONValue]
    /// Frames when a choice is finished.
    mutating func closing(_ choice: Int, of answer: inout Answer) -> [JSONValue]
    /// The frame after all choices, if the client asked for usage.
    func usage(of answer: Answer) -> JSONValue?
    /// The last frames of a stream that fails after it began; nil: the error as `errors` writes it.
    mutating func failure(_ error: APIError, of answer: Answer) -> [JSONValue]?
}

extension AnswerShape {
    var framing: StreamFraming { .events }
    func failure(_ error: APIError, of answer: Answer) -> [JSONValue]? { nil }
}
