import Generation
import Tokenizers

/// How the answers of a prompt are read: which marks the model writes around thinking and calls, and which functions it may call.
struct AnswerReading: Sendable {
    /// nil: calls are text.
    var format: CallFormat?
    /// Those that may be called.
    var functions: [ToolFunction] = []
    /// Several calls are read; otherwise the answer ends after the first one.
    var isParallel = true
    /// An answer with calls ends for that reason.
    var endsWithToolCalls = true
    /// nil: thinking is text.
    var thinking: ThinkingMarks?
    /// The prompt opens the thinking.
    var isThinking = false
    /// The prompt has the thinking already, or the model is not to think.
    var isThinkingOver = false
    /// How the model would write calls, where an answer must have none.
    var forbidden: CallFormat?
    /// The prompt ends with the trigger of a call (`>>>`).
    var isTriggered = false

    /// Whether anything of an answer is not text.
    var isNeeded: Bool { format != nil || thinking != nil || forbidden != nil }

    /// Special tokens that the reader must see: those of the marks.
    func visibleTokens(_ tokenizer: any Tokenizer) -> Set<Int32> {
        let marks = (format?.marks ?? []) + (thinking.map { [$0.open, $0.close] } ?? [])
        return Set(marks.compactMap(tokenizer.token).filter(tokenizer.isSpecial))
    }

    /// Tokens beside the model's own that end an answer with calls.
    func ends(_ tokenizer: any Tokenizer) -> Set<Int32> {
        Set([format?.end.flatMap(tokenizer.token)].compactMap { $0 })
    }
}
