import Foundation
public import JSON

/// A model's chat template: the program, in the Jinja language, that writes messages as the prompt the model was trained on.
///
/// The language is what `transformers` gives its templates: Jinja 2 in an immutable sandbox with `trim_blocks` and
/// `lstrip_blocks`, loop controls, `{% generation %}`, and the functions `raise_exception`, `strftime_now`, `namespace`,
/// `dict` and `range`. Statements that reach other files (`include`, `import`, `extends`, `block`) are refused, as are
/// recursive loops. Two simplifications: integers are 64 bits and never wrap, and `safe` marks nothing, since nothing is escaped.
///
/// Parsed once, then immutable; `render` may run on any thread, needs about 300 KB of stack at the deepest allowed
/// nesting, and costs `O(steps + bytes)`, both bounded by `TemplateLimits`.
public struct ChatTemplate: Sendable {
    /// As given.
    public let source: String
    public let limits: TemplateLimits
    private let body: [Statement]

    /// Throws: `syntax` with the place, or `limitExceeded`.
    public init(source: String, limits: TemplateLimits = TemplateLimits()) throws(TemplateError) {
        guard source.utf8.count <= limits.sourceBytes else {
            throw TemplateError(.limitExceeded, "the template is longer than \(limits.sourceBytes) bytes")
        }
        self.source = source
        self.limits = limits
        // Some editors put a byte order mark before the text; it is no part of a prompt.
        var lexer = Lexer(source.unicodeScalars.first == "\u{FEFF}" ? String(source.unicodeScalars.dropFirst()) : source)
        var parser = Parser(tokens: try lexer.tokens(), limits: limits)
        body = try parser.template()
    }

    /// Renders with the context's members as the template's variables: `messages`, `add_generation_prompt`, `bos_token` …
    ///
    /// One difference to `transformers`: where a template prints the arguments of a message's tool call (`messages[i].tool_calls[j]
    /// .function.arguments`), joins them with text or filters them as text, it gets their JSON text and not Python's `repr`.
    ///
    /// `now` is what `strftime_now` tells, in the local time zone.
    public func render(_ context: JSONObject, now: Date = Date()) throws(TemplateError) -> String {
        let interpreter = Interpreter(limits: limits, now: now)
        defer { interpreter.breakCycles() }
        return try interpreter.render(body, context: context)
    }
}
