/// Why an encoder's folder cannot be used for embeddings.
public struct EmbeddingError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// A file is missing or cannot be read.
        case notFound
        /// A file is not what its name says, or two files contradict each other.
        case malformed
        /// A pooling or a module that is not implemented.
        case unsupported
    }

    public var code: Code
    /// For a person: what was found, and what was expected.
    public var message: String
    public var file: String?

    public init(_ code: Code, _ message: String, file: String? = nil) {
        self.code = code
        self.message = message
        self.file = file
    }

    public var description: String { file.map { "\($0): \(message)" } ?? message }
}
