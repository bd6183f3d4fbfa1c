/// Why a JSON text could not be read, or why a value in it is not what the reader expects.
public struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// The text is not JSON.
        case syntax
        /// A byte sequence that is not UTF-8.
        case invalidUTF8
        /// Arrays and objects nested deeper than the caller allows.
        case tooDeep
        /// More bytes than the parser can count.
        case tooLarge
        /// More elements and members than the caller allows.
        case tooMany
        /// A number beyond the range of a double, or an integer of more than 4,300 digits.
        case numberOutOfRange
        /// A lookup found nothing, or null, where a value is required.
        case missing
        /// A lookup found a value of another kind.
        case wrongType
        /// A lookup found a value of the right kind that the reader cannot accept.
        case invalidValue
    }

    public var code: Code
    /// For a person, without the place.
    public var message: String
    /// Where in the document, like `messages[0].role`: lookups only; empty for the document itself.
    public var path: String?
    /// Where in the text: parsing only.
    public var position: Position?

    /// A place in a text: `offset` in bytes from 0, `line` and `column` from 1, columns in code points.
    public struct Position: Sendable, Equatable {
        public var offset: Int
        public var line: Int
        public var column: Int

        public init(offset: Int, line: Int, column: Int) {
            self.offset = offset
            self.line = line
            self.column = column
        }
    }

    public init(_ code: Code, _ message: String, path: String? = nil, position: Position? = nil) {
        self.code = code
        self.message = message
        self.path = path
        self.position = position
    }

    public var description: String {
        if let position { return "line \(position.line), column \(position.column): \(message)" }
        if let path, !path.isEmpty { return "\(path): \(message)" }
        return message
    }
}
