import ChatTemplates
import Generation
import JSON

extension RowEncoder {
    /// A conversation's tokens and its answers' marks.
    func encode(
        _ turns: [ConversationTurn], tools: [JSONValue], targets: EncodingOptions.Targets
    ) throws(TuningError) -> EncodedText {
        let whole = try rendered(turns, tools)
        var tokens = whole.tokens
        var isTarget = [Bool](repeating: targets == .all, count: tokens.count)
        var (hidesAnswer, endsOpen, isCut) = (false, false, false)
        for index in turns.indices where turns[index].isAssistant && turns[index].isTrained == (targets == .answers) {
            let answer = try place(ofAnswer: index, in: turns, tools, whole)
            // What follows is cut away: a long conversation costs no rendering for each of its turns.
            isCut = answer.tokens.lowerBound >= options.maximumTokens
            if isCut { break }
            for position in answer.tokens { isTarget[position] = targets == .answers }
            guard targets == .answers else { continue }
            hidesAnswer = hidesAnswer || !answer.text.holds(turns[index].message.content)
            endsOpen = index == turns.count - 1 && !answer.hasEnd
        }
        if endsOpen {
            tokens = ended(tokens)
            isTarget += [Bool](repeating: true, count: tokens.count - isTarget.count)
        }
        if targets == .answers, !isCut {
            // Nothing behind the last target has an effect.
            let count = (isTarget.lastIndex(of: true) ?? -1) + 1
            tokens = Array(tokens.prefix(count))
            isTarget = Array(isTarget.prefix(count))
        }
        return EncodedText(
            sequence: TrainingSequence(tokens: tokens, isTarget: isTarget), hidesAnswer: hidesAnswer,
            spellsSpecialTokens: turns.contains { !tokenizer.specialTokenOffsets(in: $0.message.content).isEmpty })
    }

    private struct Rendered {
        var text: String
        var tokens: [Int32]

        func starts(with other: Rendered) -> Bool {
            tokens.starts(with: other.tokens) && text.utf8.starts(with: other.text.utf8)
        }
    }

    private struct AnswerPlace {
        var tokens: Range<Int>
        /// The last of them ends generation.
        var hasEnd: Bool
        var text: String
    }

    /// Where an answer lies in the whole conversation.
    private func place(
        ofAnswer index: Int, in turns: [ConversationTurn], _ tools: [JSONValue], _ whole: Rendered
    ) throws(TuningError) -> AnswerPlace {
        let before = try rendered(turns[..<index], tools, asksForAnswer: true)
        guard whole.starts(with: before) else {
            throw TuningError(.malformed, difference(before.tokens, whole.tokens), field: "turn \(index + 1)")
        }
        let start = before.tokens.count
        let through = index == turns.count - 1 ? whole : try rendered(turns[...index], tools)
        if whole.starts(with: through), through.tokens.count >= start {
            // The last end counts: an answer may spell the token itself.
            let end = through.tokens[start...].lastIndex(where: tokenizer.endOfSequence.contains)
            let text = String(decoding: through.text.utf8.dropFirst(before.text.utf8.count), as: UTF8.self)
            return AnswerPlace(tokens: start..<(end.map { $0 + 1 } ?? through.tokens.count), hasEnd: end != nil, text: text)
        }
        // The template writes an answer in another way when turns follow, as those do that drop its reasoning.
        guard let end = whole.tokens[start...].firstIndex(where: tokenizer.endOfSequence.contains) else {
            throw TuningError(
                .malformed, "the chat template writes no token that ends this answer when other turns follow", field: "turn \(index + 1)")
        }
        let text = tokenizer.decode(Array(whole.tokens[start...end]), skipSpecialTokens: true)
        return AnswerPlace(tokens: start..<(end + 1), hasEnd: true, text: text)
    }

    private func rendered(
        _ turns: some Sequence<ConversationTurn>, _ tools: [JSONValue], asksForAnswer: Bool = false
    ) throws(TuningError) -> Rendered {
        guard let template else {
            throw TuningError(
                .unsupported,
                "the base has no chat template for conversations; use rows with `text`, or with `prompt` and `completion` as strings")
        }
        do throws(TemplateError) {
            let text = try template.render(turns.lazy.map(\.message), tools: tools, asksForAnswer: asksForAnswer)
            return Rendered(text: text, tokens: tokenizer.encode(text, addSpecialTokens: false, parseSpecial: true))
        } catch {
            let reason = error.description
            throw TuningError(
                .malformed, "the chat template refuses the conversation: \(reason.utf8.count > 500 ? "\(reason.prefix(500)) …" : reason)")
        }
    }

    private func difference(_ before: [Int32], _ whole: [Int32]) -> String {
        let place = zip(before, whole).prefix { $0 == $1 }.count
        func piece(_ tokens: [Int32]) -> String {
            tokens.indices.contains(place) ? tokenizer.decode([tokens[place]], skipSpecialTokens: false).debugDescription : "nothing"
        }
        return
            "the prompt for this answer is not what the row begins with, so the adapter would be tuned on other prompts than it is asked "
            + "with: token \(place + 1) is \(piece(before)) in the prompt and \(piece(whole)) in the row. The answer may begin with white "
            + "space that joins the prompt's, or the chat template may write earlier turns differently when an answer follows"
    }
}

extension String {
    /// Whether a text is in it, without the white space around the text. Bytes are compared.
    fileprivate func holds(_ other: String) -> Bool {
        let wanted = Array(other.trimmed.utf8)
        guard !wanted.isEmpty else { return true }
        let text = Array(utf8)
        guard text.count >= wanted.count else { return false }
        return (0...(text.count - wanted.count)).contains { start in
            text[start] == wanted[0] && text[start..<(start + wanted.count)].elementsEqual(wanted)
        }
    }
}
