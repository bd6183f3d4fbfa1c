extension DataRow {
    /// The last answer that is learnt and has text, with the user's turn before it, which may be empty. Nil where there is nothing to
    /// compare an answer with: plain texts, answers that are marked as undesirable, calls of tools without text.
    public var lastExchange: (question: String, answer: String)? {
        let turns = exchangeTurns
        guard let answer = turns.lastIndex(where: { $0.isTrained && !$0.message.content.isBlank }) else { return nil }
        let question = turns[..<answer].last { $0.message.role == ConversationTurn.user }
        return (question?.message.content ?? "", turns[answer].message.content)
    }

    private var exchangeTurns: [ConversationTurn] {
        switch content {
        case .conversation(let turns): turns
        case .instruction(let system, let instruction, let input, let output):
            InstructionText.turns(system, instruction, input, output)
        case .completion(let prompt, let answer), .preference(let prompt, let answer, _), .labelled(let prompt, let answer, true):
            Self.context(prompt) + Self.answer(answer)
        case .choice(let prompt, let choices, let answer):
            Self.context(prompt) + [ConversationTurn(role: ConversationTurn.assistant, choices[answer])]
        case .labelled, .text: []
        }
    }

    private static func context(_ text: RowText) -> [ConversationTurn] {
        switch text {
        case .text(let text), .verbatim(let text): [ConversationTurn(role: ConversationTurn.user, text)]
        case .turns(let turns): turns.map { ConversationTurn($0.message, isTrained: false) }
        }
    }

    private static func answer(_ text: RowText) -> [ConversationTurn] {
        switch text {
        case .text(let text), .verbatim(let text): [ConversationTurn(role: ConversationTurn.assistant, text)]
        case .turns(let turns): turns
        }
    }
}
