/// Why a chat template could not be read or rendered, and where in it.
public struct TemplateError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// The source is not a template, or uses a statement that chat templates do not have (`include`, `extends` …).
        case syntax
        /// A template did more with a missing value than print or test it.
        case undefined
        /// An operation on values of the wrong kind, or a call with wrong arguments.
        case type
        /// A value out of range: division by zero, an integer beyond 64 bits, a bad format …
        case value
        /// The template itself refused the messages, with `raise_exception`.
        case raised
        /// The template used something that the sandbox forbids.
        case security
        /// More text, steps, memory or nesting than `TemplateLimits` allows.
        case limitExceeded
    }

    public var code: Code
    /// For a person, without the place.
    public var message: String
    /// From 1; 0 while the place is not known.
    public var line: Int
    /// From 1, in code points; 0 while the place is not known.
    public var column: Int

    public init(_ code: Code, _ message: String, line: Int = 0, column: Int = 0) {
        self.code = code
        self.message = message
        self.line = line
        self.column = column
    }

    init(_ code: Code, _ message: String, at position: SourcePosition) {
        self.init(code, message, line: position.line, column: position.column)
    }

    /// A value was used as what it is not, such as an object as a text. With other variables the template may render.
    public var isMisuse: Bool { code == .type || code == .undefined }

    public var description: String {
        line == 0 ? message : "line \(line), column \(column): \(message)"
    }

    /// The same error with a place, unless it has one: the innermost expression wins.
    func placed(at position: SourcePosition) -> TemplateError {
        line == 0 ? TemplateError(code, message, at: position) : self
    }
}
