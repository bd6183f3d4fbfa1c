import JSON
import Tensors

extension DataRow {
    /// Equal for rows that ask the same: what stands before the first answer that is learnt, but for white space around its parts. A plain
    /// text is its own prompt.
    var promptDigest: ContentDigest {
        let turns: [ConversationTurn] =
            switch content {
            case .conversation(let turns): Array(turns.prefix { !$0.isTrained })
            case .instruction(let system, let instruction, let input, _):
                InstructionText.turns(system, instruction, input, "").dropLast()
            case .completion(let prompt, _), .labelled(let prompt, _, _), .preference(let prompt, _, _), .choice(let prompt, _, _):
                Self.turns(prompt)
            case .text(let text): Self.turns(.text(text))
            }
        return ContentDigest(of: turns.flatMap(Self.parts).map { ContentDigest(of: $0.trimmed) })
    }

    private static func turns(_ text: RowText) -> [ConversationTurn] {
        switch text {
        case .text(let text), .verbatim(let text): [ConversationTurn(role: ConversationTurn.user, text)]
        case .turns(let turns): turns
        }
    }

    private static func parts(_ turn: ConversationTurn) -> [String] {
        [turn.message.role, turn.message.content] + turn.message.toolCalls.flatMap { [$0.name, $0.arguments.serialized()] }
    }
}

extension String {
    /// Without white space at both ends.
    var trimmed: String {
        let scalars = unicodeScalars
        guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
            let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
        else { return "" }
        return String(scalars[first...last])
    }
}
