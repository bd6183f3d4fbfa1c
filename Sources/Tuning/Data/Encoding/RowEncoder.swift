import Generation
import JSON
public import Tokenizers

/// Turns rows into tokens with marks of what is learnt. Immutable: several threads may encode.
///
/// A conversation is rendered with the chat template and encoded as serving does it. An answer's targets are the tokens from where the
/// prompt for it ends to the token that ends it: at that token generation stops, so what a template writes after it (a line end) is no
/// target. The prompt of each answer, as serving would render it, must be exactly what the row's tokens begin with.
public struct RowEncoder: Sendable {
    public let options: EncodingOptions
    let tokenizer: any Tokenizer
    let template: ConversationTemplate?
    /// Ends a text that has no end of its own.
    private let endOfSequence: Int32?
    /// Stands before a plain text: the begin-of-sequence token where the tokenizer adds one.
    private let textPrefix: [Int32]

    /// - Parameters:
    ///   - template: nil for a base that only completes text.
    ///   - endOfSequence: the token that ends a plain text; nil takes the first of the tokenizer's.
    public init(
        tokenizer: any Tokenizer, template: ConversationTemplate?, endOfSequence: Int32? = nil,
        options: EncodingOptions = EncodingOptions()
    ) {
        self.options = options
        self.tokenizer = tokenizer
        self.template = template
        self.endOfSequence = endOfSequence ?? tokenizer.endOfSequence.min()
        let begin = tokenizer.beginOfSequence
        textPrefix = Array(tokenizer.encode("", addSpecialTokens: true, parseSpecial: false).prefix { $0 == begin }.prefix(1))
    }

    /// The row's tokens. Errors: `unsupported` for a conversation where the base has no template, `malformed` where the template refuses
    /// it or writes its prompts in two ways. They name the line, and no file.
    public func encode(_ row: DataRow) throws(TuningError) -> EncodedRow {
        do throws(TuningError) {
            return try encoded(row)
        } catch {
            var error = error
            error.line = row.line
            throw error
        }
    }

    private func encoded(_ row: DataRow) throws(TuningError) -> EncodedRow {
        switch row.content {
        case .conversation(let turns):
            let answer = try encode(withSystem(turns), tools: row.tools, targets: options.targets)
            return finished(row, [answer]) { .supervised($0[0]) }
        case .instruction(let system, let instruction, let input, let output):
            let answer =
                if template != nil, options.wrapsText {
                    try encode(
                        withSystem(InstructionText.turns(system, instruction, input, output)), tools: [], targets: options.targets)
                } else {
                    try plain(InstructionText.prompt(instruction, input), output, targets: options.targets)
                }
            return finished(row, [answer]) { .supervised($0[0]) }
        case .completion(let prompt, let completion):
            return finished(row, [try pair(prompt, completion, row.tools, targets: options.targets)]) { .supervised($0[0]) }
        case .labelled(let prompt, let completion, let isDesirable):
            return finished(row, [try pair(prompt, completion, row.tools, targets: .answers)]) {
                .labelled($0[0], isDesirable: isDesirable)
            }
        case .preference(let prompt, let chosen, let rejected):
            let answers = [
                try pair(prompt, chosen, row.tools, targets: .answers), try pair(prompt, rejected, row.tools, targets: .answers),
            ]
            return finished(row, answers) { .preference(chosen: $0[0], rejected: $0[1]) }
        case .choice(let prompt, let choices, let answer):
            let right = try choice(choices[answer], prompt, row.tools, targets: options.targets)
            return finished(row, [right]) { .supervised($0[0]) }
        case .text(let text):
            let tokens = ended(textPrefix + withoutBegin(text))
            let all = TrainingSequence(tokens: tokens, isTarget: [Bool](repeating: true, count: tokens.count))
            return finished(row, [EncodedText(sequence: all)]) { .supervised($0[0]) }
        }
    }

    /// Cuts what is too long.
    private func finished(_ row: DataRow, _ texts: [EncodedText], _ example: ([TrainingSequence]) -> TrainingExample) -> EncodedRow {
        let most = options.maximumTokens
        let sequences = texts.map { text in
            TrainingSequence(tokens: Array(text.sequence.tokens.prefix(most)), isTarget: Array(text.sequence.isTarget.prefix(most)))
        }
        let longest = texts.reduce(0) { max($0, $1.sequence.tokens.count) }
        return EncodedRow(
            line: row.line, example: example(sequences), fullTokens: longest, isCut: longest > most,
            hidesAnswer: texts.contains(where: \.hidesAnswer), spellsSpecialTokens: texts.contains(where: \.spellsSpecialTokens))
    }

    // MARK: Prompt and answer

    func pair(
        _ prompt: RowText, _ answer: RowText, _ tools: [JSONValue], targets: EncodingOptions.Targets
    ) throws(TuningError) -> EncodedText {
        switch (prompt, answer) {
        case (.verbatim(let prompt), .verbatim(let answer)): return try plain(prompt, answer, targets: targets)
        case (.text(let prompt), .text(let answer)) where template == nil || !options.wrapsText:
            return try plain(prompt, answer, targets: targets)
        default:
            // What stands before the answer is context, assistants' turns too.
            let context = turns(prompt, role: ConversationTurn.user).map { ConversationTurn($0.message, isTrained: false) }
            return try encode(withSystem(context + turns(answer, role: ConversationTurn.assistant)), tools: tools, targets: targets)
        }
    }

    private func turns(_ text: RowText, role: String) -> [ConversationTurn] {
        switch text {
        case .text(let text), .verbatim(let text): [ConversationTurn(role: role, text)]
        case .turns(let turns): turns
        }
    }

    private func withSystem(_ turns: [ConversationTurn]) -> [ConversationTurn] {
        guard let message = options.systemMessage, turns.first?.isSystem != true else { return turns }
        return [ConversationTurn(role: ConversationTurn.system, message)] + turns
    }

    // MARK: Plain text

    private func plain(_ prompt: String, _ answer: String, targets: EncodingOptions.Targets) throws(TuningError) -> EncodedText {
        let before = textPrefix + withoutBegin(prompt)
        var tokens = textPrefix + withoutBegin(prompt + answer)
        if !tokens.starts(with: before) {
            // A token spans the border. A client's prompt ends at it, so both sides are encoded apart.
            let after = tokenizer.encode(continuing: answer, parseSpecial: true)
            guard after.flatMap(tokenizer.bytes(of:)) == Array(answer.utf8) else {
                throw TuningError(
                    .malformed,
                    "a token spans the end of the prompt and the beginning of the answer; let the answer begin with the "
                        + "space that the prompt ends with", field: "completion")
            }
            tokens = before + after
        }
        tokens = ended(tokens)
        let isTarget = tokens.indices.map { targets == .all || $0 >= before.count }
        return EncodedText(sequence: TrainingSequence(tokens: tokens, isTarget: isTarget))
    }

    /// A text may write its begin-of-sequence token itself; there is one.
    private func withoutBegin(_ text: String) -> [Int32] {
        let tokens = tokenizer.encode(text, addSpecialTokens: false, parseSpecial: true)
        return !textPrefix.isEmpty && tokens.starts(with: textPrefix) ? Array(tokens.dropFirst()) : tokens
    }

    func ended(_ tokens: [Int32]) -> [Int32] {
        guard let endOfSequence, tokens.last.map({ !tokenizer.endOfSequence.contains($0) }) ?? false else { return tokens }
        return tokens + [endOfSequence]
    }
}

/// One sequence before it is cut.
struct EncodedText {
    var sequence: TrainingSequence
    var hidesAnswer = false
    var spellsSpecialTokens = false
}
