import Adapters
import ChatTemplates
import JSON
import Synchronization
import Tokenizers

/// What an adapter's own chat templates and special tokens are checked against before the adapter is served: the template engine,
/// with conversations as clients send them, and the base's vocabulary. Any thread; what was checked before is remembered.
public final class AdapterPromptCheck: Sendable {
    /// What the base knows of prompts.
    public struct Base: Sendable {
        public var tokenizer: any Tokenizer
        public var endOfSequence: String

        public init(tokenizer: any Tokenizer, endOfSequence: String) {
            self.tokenizer = tokenizer
            self.endOfSequence = endOfSequence
        }
    }

    private static let mostRemembered = 256

    private let open: @Sendable () throws -> Base
    private let opened = Mutex<Result<Base, any Error>?>(nil)
    /// Folders of one tool mostly have the same template.
    private let remembered = Mutex<[AdapterPrompting: Result<[String], AdapterError>]>([:])

    /// - Parameter open: called once, for the first adapter that brings something
    public init(_ open: @escaping @Sendable () throws -> Base) { self.open = open }

    /// For a store.
    public var check: PromptingCheck {
        { [self] (prompting) throws(AdapterError) in try notices(prompting) }
    }

    private func notices(_ prompting: AdapterPrompting) throws(AdapterError) -> [String] {
        if let known = remembered.withLock({ $0[prompting] }) { return try known.get() }
        let base: Base
        do {
            base = try opened.withLock { opened in
                let result = opened ?? Result { try open() }
                opened = result
                return try result.get()
            }
        } catch {
            return ["its chat template and tokens were not checked, as the base's tokenizer cannot be opened: \(error)"]
        }
        let outcome = Result { () throws(AdapterError) in try Self.notices(prompting, base) }
        remembered.withLock { remembered in
            if remembered.count >= Self.mostRemembered { remembered.removeAll() }
            remembered[prompting] = outcome
        }
        return try outcome.get()
    }

    private static func notices(_ prompting: AdapterPrompting, _ base: Base) throws(AdapterError) -> [String] {
        var notices: [String] = []
        if let templates = prompting.templates {
            if let standard = templates.standard {
                notices += try TemplateTrial(standard, prompting, base, file: templates.file).notices(tools: templates.tools == nil ? .sometimes : .never)
            }
            if let tools = templates.tools {
                notices += try TemplateTrial(tools, prompting, base, file: "\(templates.file): tool_use").notices(tools: .always)
            }
        }
        let tokens = prompting.tokens
        let first = tokens.added.first.map { Int($0.id) } ?? base.tokenizer.vocabularySize
        if tokens.addedCount > tokens.added.count {
            notices.append(
                "its vocabulary has \(tokens.addedCount) tokens beside the base's, of which its tokenizer files name \(tokens.added.count): the others"
                    + " have no text; lay its tokenizer.json beside it")
        }
        if let known = tokens.added.first(where: { base.tokenizer.token($0.content) != nil }) {
            notices.append("its token \(known.id) is spelt as one of the base's, \(known.content.debugDescription), and is read in its place")
        }
        let tokenizer = tokens.tokenizer(base.tokenizer, vocabulary: first)
        for (key, text) in [("eos_token", tokens.endOfSequence), ("bos_token", tokens.beginOfSequence)] {
            guard let text, tokenizer.token(text) == nil else { continue }
            notices.append("its \(key) \(text.debugDescription) is not in the base's vocabulary and has no effect")
        }
        let unknown = tokens.endIDs.filter { $0 >= tokenizer.vocabularySize }
        if !unknown.isEmpty {
            notices.append("its eos_token_id \(unknown.map(String.init).joined(separator: ", ")) is beyond the base's vocabulary and has no effect")
        }
        return notices
    }
}

/// Renders conversations with one template.
private struct TemplateTrial {
    private let template: ChatTemplate
    private let begin: String
    private let end: String
    private let file: String

    /// Errors: `malformed` when the source is no template.
    init(_ source: String, _ prompting: AdapterPrompting, _ base: AdapterPromptCheck.Base, file: String) throws(AdapterError) {
        do throws(TemplateError) {
            template = try ChatTemplate(source: source)
        } catch {
            throw AdapterError(.malformed, "the chat template cannot be read: \(error)", file: file)
        }
        begin = prompting.tokens.beginOfSequence ?? base.tokenizer.beginOfSequence.flatMap(base.tokenizer.piece(of:)) ?? ""
        end = prompting.tokens.endOfSequence ?? base.endOfSequence
        self.file = file
    }

    private static let conversations: [(name: String, roles: [String])] = [
        ("a user's message alone", ["user"]), ("a system message", ["system", "user"]),
        ("an answer and a further question", ["user", "assistant", "user"]),
    ]

    /// Which conversations reach a template: those with tools, those without, or both.
    enum Tools { case never, sometimes, always }

    /// What a person should know. Errors: `malformed` when no conversation can be rendered, or a user's message makes an empty prompt.
    func notices(tools: Tools) throws(AdapterError) -> [String] {
        let always = tools == .always
        var notices: [String] = []
        var rendered: (roles: [String], text: String)?
        var failure: TemplateError?
        for (name, roles) in Self.conversations {
            switch render(roles, withTools: always) {
            case .success("") where roles == ["user"]:
                throw AdapterError(.malformed, "the chat template renders \(name) as an empty prompt", file: file)
            case .success(""): notices.append("its chat template renders \(name) as an empty prompt")
            case .success(let text): rendered = rendered ?? (roles, text)
            case .failure(let error):
                failure = failure ?? error
                notices.append("its chat template does not take \(name): \(error)")
            }
        }
        guard let rendered else {
            throw AdapterError(.malformed, "the chat template renders no conversation: \(failure.map { "\($0)" } ?? "")", file: file)
        }
        if tools == .sometimes, case .failure(let error) = render(rendered.roles, withTools: true) {
            notices.append("its chat template does not take tools: \(error)")
        }
        if case .success(let text) = render(rendered.roles, withTools: always, asksForAnswer: false), text == rendered.text {
            notices.append("its chat template does not use add_generation_prompt: the prompt ends where the user's message ends")
        }
        return notices
    }

    private func render(
        _ roles: [String], withTools: Bool = false, asksForAnswer: Bool = true
    ) -> Result<String, TemplateError> {
        let messages = roles.map { role -> JSONValue in ["role": .string(role), "content": "Hello"] }
        let tool: JSONValue = [
            "type": "function",
            "function": [
                "name": "weather", "description": "Tells the weather",
                "parameters": ["type": "object", "properties": ["city": ["type": "string", "description": "Where"]], "required": ["city"]],
            ],
        ]
        let context: JSONObject = [
            "messages": .array(messages), "tools": withTools ? [tool] : nil, "documents": nil,
            "add_generation_prompt": .bool(asksForAnswer), "bos_token": .string(begin), "eos_token": .string(end),
        ]
        return Result { () throws(TemplateError) in try template.render(context) }
    }
}

extension BaseModel {
    /// Checks of adapters against this base.
    public var adapterPromptCheck: AdapterPromptCheck {
        AdapterPromptCheck { [tokenizer, endOfSequencePiece] in .init(tokenizer: tokenizer, endOfSequence: endOfSequencePiece) }
    }
}
