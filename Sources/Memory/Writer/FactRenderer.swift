internal import ChatTemplates
internal import Generation
internal import JSON

/// A question and its answer as tokens.
struct RenderedFact: Equatable {
    /// The conversation up to where the answer begins, as serving renders it.
    var prompt: [Int32]
    /// With the token that ends it.
    var answer: [Int32]
}

/// Renders questions as serving does: with the base's chat template as a conversation of one question, and without one as plain text that
/// the answer follows directly.
struct FactRenderer {
    private let base: MemoryBase

    init(_ base: MemoryBase) { self.base = base }

    /// The settings that the template takes: some refuse a system message. Without a template there is one.
    var settings: [FactSetting] {
        if base.template == nil { return [.alone] }
        return FactSetting.allCases.filter { setting in
            if setting == .alone { return true }
            do throws(MemoryError) {
                return try render("a", in: setting) != render("a", in: .alone)
            } catch {
                return false
            }
        }
    }

    /// The tokens of a question. Errors: `invalid` for a text that is empty, spells a special token or is too long.
    func prompt(_ question: String, in setting: FactSetting = .alone, place: String = "question") throws(MemoryError) -> [Int32] {
        try check(question, place: place)
        let tokens = try render(question, in: setting)
        guard tokens.count <= min(WriterLimits.promptTokens, base.configuration.contextLength - WriterLimits.answerTokens) else {
            throw MemoryError(
                .invalid, "the question takes \(tokens.count) tokens, at most \(WriterLimits.promptTokens) are written", place: place)
        }
        return tokens
    }

    /// A question with its answer. Errors: `invalid`, also for an answer of more than `WriterLimits.answerTokens` tokens.
    func fact(
        _ question: String, _ answer: String, in setting: FactSetting = .alone, place: String = "question"
    ) throws(MemoryError) -> RenderedFact {
        try check(answer, place: "answer")
        let prompt = try prompt(question, in: setting, place: place)
        let tokens = try answerTokens(answer, try render(question, answer, in: setting), after: prompt)
        guard tokens.count <= WriterLimits.answerTokens else {
            throw MemoryError(
                .invalid, "the answer takes \(tokens.count) tokens with its end, at most \(WriterLimits.answerTokens) are written",
                place: "answer")
        }
        return RenderedFact(prompt: prompt, answer: tokens)
    }

    /// From where the prompt ends to the token that ends generation.
    private func answerTokens(_ answer: String, _ whole: [Int32], after prompt: [Int32]) throws(MemoryError) -> [Int32] {
        let tokenizer = base.tokenizer
        if whole.starts(with: prompt), let end = whole[prompt.count...].lastIndex(where: tokenizer.endOfSequence.contains) {
            return Array(whole[prompt.count...end])
        }
        // There is no template, it writes the end in another way, or a token spans the border: what single tokens decode to counts.
        guard let end = tokenizer.endOfSequence.min() else {
            throw MemoryError(.invalid, "\(base.name) has no token that ends an answer")
        }
        return tokenizer.encode(answer, addSpecialTokens: false, parseSpecial: false) + [end]
    }

    private func check(_ text: String, place: String) throws(MemoryError) {
        guard text.unicodeScalars.contains(where: { !$0.properties.isWhitespace }) else {
            throw MemoryError(.invalid, "the text is empty", place: place)
        }
        guard base.tokenizer.specialTokenOffsets(in: text).isEmpty else {
            throw MemoryError(.invalid, "the text spells a special token of \(base.name)", place: place)
        }
    }

    /// - Parameter answer: nil: up to where it begins.
    private func render(_ question: String, _ answer: String? = nil, in setting: FactSetting) throws(MemoryError) -> [Int32] {
        guard let template = base.template else {
            return base.tokenizer.encode(question, addSpecialTokens: true, parseSpecial: false)
        }
        let answered = answer.map { [ChatMessage(role: "assistant", content: $0)] } ?? []
        let messages = setting.messages + [ChatMessage(role: "user", content: question)] + answered
        let begin = base.tokenizer.beginOfSequence.flatMap(base.tokenizer.piece(of:)) ?? ""
        let variables = TemplateVariables.of(
            messages, tools: [], asksForAnswer: answer == nil, beginOfSequence: begin, endOfSequence: base.endOfSequence)
        do throws(TemplateError) {
            return base.tokenizer.encode(try template.render(variables), addSpecialTokens: false, parseSpecial: true)
        } catch {
            throw MemoryError(.invalid, "the chat template refuses the question: \(error.description.prefix(500))", place: "question")
        }
    }
}
