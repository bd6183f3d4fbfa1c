import Generation

/// More of an answer, once it is clear what it is.
enum AnswerPiece: Sendable, Equatable {
    case text(String)
    case reasoning(String)
    case call(ToolCallPart)
}
