import Adapters
import ChatTemplates
import Generation
import JSON
import Synchronization
import Tokenizers

/// Turns a client's prompt into token ids: chat template, then tokenizer. Workers; thread-safe.
final class PromptBuilder: Sendable {
    private let base: BaseModel
    private let limits: InferenceLimits
    private let contextLength: Int
    private struct TemplateKey: Hashable {
        var version: String
        var isForTools: Bool
    }

    /// Of the base; nil where it has none.
    private let standard: PromptTemplate?
    private let forTools: PromptTemplate?
    /// Compiled templates of adapters.
    private let templates = Mutex<[TemplateKey: PromptTemplate]>([:])

    private static let keptTemplates = 64

    init(base: BaseModel, limits: InferenceLimits, contextLength: Int) {
        self.base = base
        self.limits = limits
        self.contextLength = contextLength
        let tokens = Self.tokens(base, nil)
        standard = base.template.map { PromptTemplate($0, tokens) }
        forTools = base.toolTemplate.map { PromptTemplate($0, tokens) }
    }

    /// A request's prompt as tokens, and how its answer is read.
    func build(_ request: GenerationRequest, adapter: PinnedAdapter?) throws(GenerationError) -> BuiltPrompt {
        let tokenizer = base.tokenizer(under: adapter)
        guard case .chat(let messages, let declared) = request.prompt else {
            return BuiltPrompt(tokens: try tokens(of: request.prompt, adapter: adapter), tokenizer: tokenizer)
        }
        let tools = request.toolChoice.mode == .none ? [] : declared
        let rendered = try conversation(messages, tools: tools, request.rendering, adapter: adapter)
        let tokens = try nonEmpty(try tokens(of: rendered, tokenizer), of: request.prompt, adapter: adapter)
        var built = BuiltPrompt(tokens: tokens, tokenizer: tokenizer)
        built.text = rendered.text
        built.toolPrompt = rendered.toolPrompt
        let reading = reading(of: rendered, tools: tools, request)
        built.reading = reading.isNeeded ? reading : nil
        return built
    }

    private func reading(of rendered: RenderedConversation, tools: [ToolFunction], _ request: GenerationRequest) -> AnswerReading {
        var reading = AnswerReading()
        reading.format = rendered.format
        reading.functions = tools.filter { request.toolChoice.permits($0.name) }
        reading.isParallel = request.toolChoice.isParallel && rendered.takesSeveralCalls
        if case .named = request.toolChoice.mode {
            reading.endsWithToolCalls = false
            reading.isParallel = false
        }
        reading.isTriggered = rendered.format == .recipients && rendered.text.hasSuffix(">>>")
        if request.toolChoice.mode == .none, rendered.template.features.hasTools { reading.forbidden = rendered.template.features.format }
        guard request.rendering.separatesReasoning, let thinking = rendered.thinking else { return reading }
        reading.thinking = thinking
        reading.isThinking = rendered.continued.map { thinking.isOpen(atEndOf: $0[...]) } ?? thinking.isOpened(by: rendered.text)
        reading.isThinkingOver = !reading.isThinking && rendered.text.trimmed.hasSuffix(thinking.close)
        return reading
    }

    func tokens(of prompt: GenerationRequest.Prompt, adapter: PinnedAdapter?) throws(GenerationError) -> [Int32] {
        let tokens: [Int32]
        let tokenizer = base.tokenizer(under: adapter)
        switch prompt {
        case .chat(let messages, let tools):
            tokens = try self.tokens(of: try conversation(messages, tools: tools, PromptRendering(), adapter: adapter), tokenizer)
        case .text(let text, let addSpecialTokens, let parseSpecial):
            try checkBytes(text)
            tokens = tokenizer.encode(text, addSpecialTokens: addSpecialTokens, parseSpecial: parseSpecial)
        case .tokens(let given):
            let vocabulary = Int32(base.decoder.configuration.vocabulary + (adapter?.prompting.tokens.addedCount ?? 0))
            if let wrong = given.first(where: { $0 < 0 || $0 >= vocabulary }) {
                throw GenerationError(
                    .invalidRequest, "token id \(wrong) is not in the vocabulary; ids go from 0 to \(vocabulary - 1)")
            }
            tokens = given
        }
        return try nonEmpty(tokens, of: prompt, adapter: adapter)
    }

    private func nonEmpty(
        _ tokens: [Int32], of prompt: GenerationRequest.Prompt, adapter: PinnedAdapter?
    ) throws(GenerationError) -> [Int32] {
        guard tokens.isEmpty else { return tokens }
        let isAdapters = if case .chat = prompt { adapter?.prompting.templates != nil } else { false }
        throw GenerationError(isAdapters ? .adapterUnsuitable : .invalidRequest, "the prompt is empty; it must have at least one token")
    }

    private func tokens(of rendered: RenderedConversation, _ tokenizer: any Tokenizer) throws(GenerationError) -> [Int32] {
        try checkBytes(rendered.text)
        return rendered.plain.isEmpty
            ? tokenizer.encode(rendered.text, addSpecialTokens: false, parseSpecial: true)
            : tokenizer.encode(rendered.text, plainAt: rendered.plain)
    }

    /// The question in a prompt: the user's last message, or the text, without special tokens that it spells.
    func question(of prompt: GenerationRequest.Prompt) -> String {
        switch prompt {
        case .chat(let messages, _): (messages.last { $0.role == "user" } ?? messages.last)?.content ?? ""
        case .text(let text, _, let parseSpecial):
            if parseSpecial, !base.tokenizer.specialTokenOffsets(in: text).isEmpty {
                base.tokenizer.decode(
                    base.tokenizer.encode(text, addSpecialTokens: false, parseSpecial: true), skipSpecialTokens: true)
            } else {
                text
            }
        case .tokens(let tokens): base.tokenizer.decode(tokens, skipSpecialTokens: true)
        }
    }

    private func checkBytes(_ text: String) throws(GenerationError) {
        guard text.utf8.count <= limits.promptBytes else {
            throw GenerationError(
                .contextLengthExceeded,
                "This model's maximum context length is \(contextLength) tokens. However, you requested a prompt of "
                    + "\(text.utf8.count) bytes, and at most \(limits.promptBytes) are read. Please reduce its length.")
        }
    }

    /// A conversation as the adapter's own template writes it, or the base's.
    func conversation(
        _ given: [ChatMessage], tools: [ToolFunction], _ rendering: PromptRendering, adapter: PinnedAdapter?
    ) throws(GenerationError) -> RenderedConversation {
        var own = try template(of: adapter, forTools: !tools.isEmpty)
        // One for tools that does not show them may not be able to do without.
        if !tools.isEmpty, own?.features.hasTools == false { own = try template(of: adapter, forTools: false) ?? own }
        guard let template = own ?? (tools.isEmpty ? standard : forTools ?? standard) else {
            throw GenerationError(
                .invalidRequest, "\(base.name) has no chat template: use /v1/completions, or add a template to the adapter")
        }
        var messages = given
        var rendered = RenderedConversation(template: template)
        var toolVariable = "tools"
        if ToolTurns.concern(given, tools: tools) {
            let features = template.features
            messages = ToolTurns(features, tools: tools).messages(given)
            if !tools.isEmpty {
                rendered.toolPrompt = features.hasTools ? .template : .generic
                rendered.format = features.hasTools ? features.format : .hermes
                // A model that was not trained to call functions hardly ever ends a list of calls.
                rendered.takesSeveralCalls = features.hasTools && features.takesSeveralCalls
            }
            toolVariable = features.toolVariable ?? toolVariable
        }
        if rendering.continuesFinalMessage, let last = messages.indices.last {
            rendered.continued = messages[last].content
            messages[last].content += RenderedConversation.end
        }
        let tokens = Self.tokens(base, adapter?.prompting.tokens)
        let definitions = rendered.toolPrompt == .template ? tools.map(\.definition) : []
        var context = TemplateVariables.of(
            messages, tools: definitions, asksForAnswer: rendering.asksForAnswer && !rendering.continuesFinalMessage,
            beginOfSequence: tokens.beginOfSequence, endOfSequence: tokens.endOfSequence)
        if toolVariable != "tools", !definitions.isEmpty { context[toolVariable] = context["tools"] }
        for (name, value) in rendering.variables where !PromptRendering.reservedVariables.contains(name) { context[name] = value }
        rendered.thinking = template.thinking
        // What the adapter's own template refuses, another adapter's may take.
        try render(
            template.template, context, own == nil ? .invalidRequest : .adapterUnsuitable, base.tokenizer(under: adapter), &rendered)
        return rendered
    }

    /// - Parameter refusal: the error's code when the template fails.
    private func render(
        _ template: ChatTemplate, _ given: JSONObject, _ refusal: GenerationError.Code, _ tokenizer: any Tokenizer,
        _ rendered: inout RenderedConversation
    ) throws(GenerationError) {
        var context = given
        var marks: PlainTextMarks?
        if !limits.readsSpecialTokensInMessages {
            let keys = given.keys.filter { !["bos_token", "eos_token"].contains($0) }
            marks = try PlainTextMarks(for: keys.compactMap { given[$0] }, tokenizer)
            if let marks { for key in keys { context[key] = context[key].map(marks.marked) } }
        }
        do throws(TemplateError) {
            rendered.text = try template.renderWithArguments(context)
        } catch {
            throw GenerationError(refusal, "the chat template refused the messages: \(Self.shortened("\(error)"))")
        }
        if rendered.continued != nil { try rendered.cutAtEnd(refusal) }
        if let marks { (rendered.text, rendered.plain) = marks.removed(from: rendered.text) }
    }

    /// A template can put whole messages into its error.
    private static func shortened(_ text: String) -> String {
        text.utf8.count <= 1000 ? text : String(decoding: text.utf8.prefix(1000), as: UTF8.self) + " …"
    }

    /// The adapter's own template; nil where it has none.
    private func template(of adapter: PinnedAdapter?, forTools: Bool) throws(GenerationError) -> PromptTemplate? {
        guard let adapter, let own = adapter.prompting.templates else { return nil }
        let usesTools = forTools && own.tools != nil
        guard let source = usesTools ? own.tools : own.standard else { return nil }
        let key = TemplateKey(version: adapter.version, isForTools: usesTools)
        if let known = templates.withLock({ $0[key] }) { return known }
        let template: PromptTemplate
        do {
            template = PromptTemplate(try ChatTemplate(source: source), Self.tokens(base, adapter.prompting.tokens))
        } catch {
            throw GenerationError(.adapterRejected, "the chat template of adapter \(adapter.name): \(error)")
        }
        templates.withLock { templates in
            if templates.count >= Self.keptTemplates { templates.removeAll() }
            templates[key] = template
        }
        return template
    }

    /// An adapter's own special tokens go before the base's.
    private static func tokens(_ base: BaseModel, _ own: AdapterTokens?) -> TemplateTokens {
        let begin = base.tokenizer.beginOfSequence.flatMap(base.tokenizer.piece(of:)) ?? ""
        return TemplateTokens(
            beginOfSequence: own?.beginOfSequence ?? begin, endOfSequence: own?.endOfSequence ?? base.endOfSequencePiece)
    }
}
