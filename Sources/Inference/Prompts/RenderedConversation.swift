import Generation
import Tokenizers

/// A conversation as a template wrote it.
struct RenderedConversation: Sendable {
    var text = ""
    let template: PromptTemplate
    /// Where in the text's UTF-8 special tokens are plain text.
    var plain: Set<Int> = []
    /// nil: there are no functions.
    var toolPrompt: ToolPrompt?
    /// How the model is to write calls; nil: there are no functions.
    var format: CallFormat?
    /// An answer may make several calls, as far as the template takes them.
    var takesSeveralCalls = true
    var thinking: ThinkingMarks?
    /// The content of the last message, where the answer goes on with it.
    var continued: String?

    /// Stands at the end of a message that stays open: the prompt ends there. The space shows whether the template keeps white space at
    /// the ends of contents.
    static let end = "\u{FFFFE}CONTINUED "

    /// Errors: `refusal` where the template does not show the message.
    mutating func cutAtEnd(_ refusal: GenerationError.Code) throws(GenerationError) {
        let (bytes, end) = (Array(text.utf8), Array(Self.end.utf8))
        let place = bytes.indices.reversed().first { bytes[$0] == end[0] && bytes[$0...].starts(with: end.dropLast()) }
        guard let place else {
            throw GenerationError(
                refusal, "the answer cannot go on with the last message: the chat template does not show it", field: "continue_final_message")
        }
        let keepsSpace = bytes[place...].starts(with: end)
        text = String(decoding: bytes[..<place], as: UTF8.self)
        guard !keepsSpace else { return }
        while text.last?.isWhitespace == true { text.removeLast() }
    }
}

/// A prompt as tokens, and how its answer is read.
struct BuiltPrompt: Sendable {
    var tokens: [Int32]
    /// The base's, or with the adapter's own tokens.
    var tokenizer: any Tokenizer
    /// What a chat template wrote; nil where none did.
    var text: String?
    /// nil: the answer is text.
    var reading: AnswerReading?
    /// nil: the request declares no functions.
    var toolPrompt: ToolPrompt?
}
