import JSON

/// Which fields the rows of a file have, and so what they are for. The first row decides; a file holds rows of one shape.
public enum RowShape: String, Sendable, CaseIterable {
    /// `chosen`, `rejected`, and `prompt` unless both begin with the same.
    case preference
    /// OpenAI's: `input.messages`, `preferred_output`, `non_preferred_output`.
    case preferredOutput = "preferred output"
    /// KTO's: `prompt`, `completion`, `label`.
    case labelled
    /// Multiple choice: `prompt`, `choices`, and which of them is the `answer`.
    case choice = "multiple choice"
    case completion
    case messages
    /// ShareGPT's: turns with `from` and `value`.
    case conversations
    /// Alpaca's: `instruction`, `input` where there is one, `output`.
    case instruction
    case text

    /// A row of this shape has all of them.
    var required: [String] {
        switch self {
        case .preference: ["chosen", "rejected"]
        case .preferredOutput: ["preferred_output", "non_preferred_output"]
        case .labelled: ["prompt", "completion", "label"]
        case .choice: ["prompt", "choices", "answer"]
        case .completion: ["prompt", "completion"]
        case .messages: ["messages"]
        case .conversations: ["conversations"]
        case .instruction: ["instruction", "output"]
        case .text: ["text"]
        }
    }

    /// What it may have besides.
    var optional: [String] {
        switch self {
        case .preference: ["prompt", "tools"]
        case .preferredOutput: ["input"]
        case .labelled, .choice, .completion, .messages: ["tools"]
        case .conversations: ["system", "tools"]
        case .instruction: ["input", "system"]
        case .text: []
        }
    }

    /// The first shape of which a row has all required fields; a field that is null is not there.
    init?(of row: JSONObject) {
        let found = Self.allCases.first { shape in
            shape.required.allSatisfy { name in row[name].map { !$0.isNull } ?? false }
        }
        guard let found else { return nil }
        self = found
    }

    /// The fields, for messages.
    var fieldList: String { required.map { "`\($0)`" }.joined(separator: ", ") }

    /// All shapes, for messages.
    static var list: String { allCases.map(\.fieldList).joined(separator: "; ") }
}
