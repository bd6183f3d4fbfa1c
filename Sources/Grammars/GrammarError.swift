/// Why a grammar could not be made.
public struct GrammarError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// It is not a schema, an expression or a grammar, or no answer can satisfy it.
        case invalid
        /// It uses something that cannot be enforced.
        case unsupported
        /// It is larger than `GrammarLimits` allow.
        case tooComplex
    }

    public var code: Code
    /// For a person, without the place.
    public var message: String
    /// Where in a schema, as a JSON pointer; nil outside schemas. Empty is the schema itself.
    public var pointer: String?

    public init(_ code: Code, _ message: String, pointer: String? = nil) {
        self.code = code
        self.message = message
        self.pointer = pointer
    }

    public var description: String {
        guard let pointer else { return message }
        return pointer.isEmpty ? "in the schema itself: \(message)" : "at \(pointer): \(message)"
    }
}
