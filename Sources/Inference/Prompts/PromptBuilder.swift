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

    /// Compiled templates of adapters.
    private let templates = Mutex<[TemplateKey: ChatTemplate]>([:])

    private static let keptTemplates = 64

    init(base: BaseModel, limits: InferenceLimits, contextLength: Int) {
        self.base = base
        self.limits = limits
        self.contextLength = contextLength
    }

    func tokens(of prompt: GenerationRequest.Prompt, adapter: PinnedAdapter?) throws(GenerationError) -> [Int32] {
        let tokens: [Int32]
        switch prompt {
        case .chat(let messages, let tools):
            let (text, plain) = try render(messages, tools: tools.map(\.definition), adapter: adapter)
            try checkBytes(text)
            tokens =
                plain.isEmpty
                ? base.tokenizer.encode(text, addSpecialTokens: false, parseSpecial: true)
                : base.tokenizer.encode(text, plainAt: plain)
        case .text(let text, let addSpecialTokens, let parseSpecial):
            try checkBytes(text)
            tokens = base.tokenizer.encode(text, addSpecialTokens: addSpecialTokens, parseSpecial: parseSpecial)
        case .tokens(let given):
            let vocabulary = Int32(base.decoder.configuration.vocabulary)
            if let wrong = given.first(where: { $0 < 0 || $0 >= vocabulary }) {
                throw GenerationError(
                    .invalidRequest, "token id \(wrong) is not in the vocabulary; ids go from 0 to \(vocabulary - 1)")
            }
            tokens = given
        }
        guard !tokens.isEmpty else {
            let isAdapters = if case .chat = prompt { adapter?.prompting.templates != nil } else { false }
            throw GenerationError(isAdapters ? .adapterUnsuitable : .invalidRequest, "the prompt is empty; it must have at least one token")
        }
        return tokens
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

    /// The prompt's text, and where in its UTF-8 special tokens are plain text.
    private func render(
        _ messages: [ChatMessage], tools: [JSONValue], adapter: PinnedAdapter?
    ) throws(GenerationError) -> (text: String, plain: Set<Int>) {
        let own = try template(of: adapter, forTools: !tools.isEmpty)
        let common = tools.isEmpty ? base.template : base.toolTemplate ?? base.template
        guard let template = own ?? common else {
            throw GenerationError(
                .invalidRequest, "\(base.name) has no chat template: use /v1/completions, or add a template to the adapter")
        }
        var context = context(messages, tools: tools, tokens: adapter?.prompting.tokens)
        // What the adapter's own template refuses, another adapter's may take.
        let refusal: GenerationError.Code = own == nil ? .invalidRequest : .adapterUnsuitable
        guard !limits.readsSpecialTokensInMessages else { return (try render(template, context, refusal), []) }
        let sent = ["messages", "tools"].compactMap { context[$0] }
        guard let marks = try PlainTextMarks(for: sent, base.tokenizer) else { return (try render(template, context, refusal), []) }
        for key in ["messages", "tools"] { context[key] = context[key].map(marks.marked) }
        return marks.removed(from: try render(template, context, refusal))
    }

    /// Arguments of tool calls are objects, as `transformers` passes them; a template that uses them as text gets JSON text.
    ///
    /// - Parameter refusal: the error's code when the template fails.
    private func render(
        _ template: ChatTemplate, _ context: JSONObject, _ refusal: GenerationError.Code
    ) throws(GenerationError) -> String {
        do throws(TemplateError) {
            return try template.render(context)
        } catch {
            if error.isMisuse, let textual = TemplateVariables.withArgumentsAsText(context) {
                do throws(TemplateError) {
                    return try template.render(textual)
                } catch {}
            }
            throw GenerationError(refusal, "the chat template refused the messages: \(Self.shortened("\(error)"))")
        }
    }

    /// A template can put whole messages into its error.
    private static func shortened(_ text: String) -> String {
        text.utf8.count <= 1000 ? text : String(decoding: text.utf8.prefix(1000), as: UTF8.self) + " …"
    }

    /// The adapter's own template; nil where it has none.
    private func template(of adapter: PinnedAdapter?, forTools: Bool) throws(GenerationError) -> ChatTemplate? {
        guard let adapter, let own = adapter.prompting.templates else { return nil }
        let usesTools = forTools && own.tools != nil
        guard let source = usesTools ? own.tools : own.standard else { return nil }
        let key = TemplateKey(version: adapter.version, isForTools: usesTools)
        if let known = templates.withLock({ $0[key] }) { return known }
        let template: ChatTemplate
        do {
            template = try ChatTemplate(source: source)
        } catch {
            throw GenerationError(.adapterRejected, "the chat template of adapter \(adapter.name): \(error)")
        }
        templates.withLock { templates in
            if templates.count >= Self.keptTemplates { templates.removeAll() }
            templates[key] = template
        }
        return template
    }

    /// The template's variables; an adapter's own special tokens go before the base's.
    private func context(_ messages: [ChatMessage], tools: [JSONValue], tokens: AdapterTokens?) -> JSONObject {
        TemplateVariables.of(
            messages, tools: tools, asksForAnswer: true, beginOfSequence: tokens?.beginOfSequence ?? piece(base.tokenizer.beginOfSequence),
            endOfSequence: tokens?.endOfSequence ?? base.endOfSequencePiece)
    }

    private func piece(_ token: Int32?) -> String { token.flatMap(base.tokenizer.piece(of:)) ?? "" }
}
