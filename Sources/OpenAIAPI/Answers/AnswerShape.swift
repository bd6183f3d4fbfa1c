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
    /// Frames of new text and log-probabilities. `answer` has the text already.
    func delta(_ text: String, _ logprobs: [TokenLogprob], _ choice: Int, of answer: inout Answer) -> [JSONValue]
    /// Frames when a choice is finished.
    func closing(_ choice: Int, of answer: inout Answer) -> [JSONValue]
    /// The frame after all choices, if the client asked for usage.
    func usage(of answer: Answer) -> JSONValue?
}
