import Generation
import JSON

/// How an endpoint writes an answer: whole, or as the frames of a stream. Pure.
protocol AnswerShape: Sendable {
    var errors: ErrorDialect { get }
    /// The start of the answer's id, before the number.
    var idPrefix: String { get }
    /// OpenAI ends streams with `[DONE]`, LoRAX does not.
    var endsWithDone: Bool { get }

    func whole(_ answer: Answer) -> JSONValue
    /// Frames when a choice starts.
    func opening(_ choice: Int, of answer: inout Answer) -> [JSONValue]
    /// Frames of a new part and its log-probabilities. `answer` has the part already.
    func delta(_ part: AnswerPart, _ logprobs: [TokenLogprob], _ choice: Int, of answer: inout Answer) -> [JSONValue]
    /// Frames when a choice is finished.
    func closing(_ choice: Int, of answer: inout Answer) -> [JSONValue]
    /// The frame after all choices, if the client asked for usage.
    func usage(of answer: Answer) -> JSONValue?
}
