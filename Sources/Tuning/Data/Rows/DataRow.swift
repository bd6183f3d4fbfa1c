public import JSON

/// A prompt or an answer as a row gives it.
public enum RowText: Sendable, Equatable {
    /// Becomes a turn of a conversation where the base has a chat template.
    case text(String)
    /// Text with a format of its own. It becomes no turn.
    case verbatim(String)
    case turns([ConversationTurn])

    var isBlank: Bool {
        switch self {
        case .text(let text), .verbatim(let text): text.isBlank
        case .turns(let turns): !turns.contains { $0.isAssistant && !$0.isBlank }
        }
    }
}

/// One row of a data file, whatever the file's format.
public struct DataRow: Sendable, Equatable {
    public enum Content: Sendable, Equatable {
        case conversation([ConversationTurn])
        case instruction(system: String?, instruction: String, input: String, output: String)
        case completion(prompt: RowText, completion: RowText)
        case preference(prompt: RowText, chosen: RowText, rejected: RowText)
        case labelled(prompt: RowText, completion: RowText, isDesirable: Bool)
        /// `answer` is the index of the right one. Tuning learns that one.
        case choice(prompt: RowText, choices: [String], answer: Int)
        case text(String)
    }

    /// Where it begins in its file; the first line is 1.
    public var line: Int
    public var content: Content
    /// Functions that the conversation offers, as templates take them.
    public var tools: [JSONValue]

    public init(line: Int, _ content: Content, tools: [JSONValue] = []) {
        self.line = line
        self.content = content
        self.tools = tools
    }

    /// Holds no answer: no text, or white space only.
    public var isEmpty: Bool {
        switch content {
        case .conversation(let turns): RowText.turns(turns).isBlank
        case .instruction(_, _, _, let output): output.isBlank
        case .completion(_, let completion), .labelled(_, let completion, _): completion.isBlank
        case .preference(_, let chosen, let rejected): chosen.isBlank || rejected.isBlank
        case .choice(_, let choices, let answer): choices[answer].isBlank
        case .text(let text): text.isBlank
        }
    }
}
