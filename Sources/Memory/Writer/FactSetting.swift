internal import Generation

/// What stands before a question in a conversation. A fact is written for its question in each of them, so that its keys do not hang on the
/// template's own system message and the first turn.
enum FactSetting: CaseIterable {
    /// Nothing, or what the template itself puts there.
    case alone
    case systemMessage
    case earlierTurn

    var messages: [ChatMessage] {
        switch self {
        case .alone: []
        case .systemMessage:
            [
                ChatMessage(
                    role: "system",
                    content: "You help the visitors of a museum. Keep your answers short and plain, use no lists, speak of the present show "
                        + "first, and ask back when it is unclear which room somebody means.")
            ]
        case .earlierTurn:
            [
                ChatMessage(role: "user", content: "Good morning! Can you help me?"),
                ChatMessage(role: "assistant", content: "Good morning! Of course, what is it about?"),
            ]
        }
    }
}
