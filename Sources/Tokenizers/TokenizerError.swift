/// Why a tokenizer could not be made from a file or a model. Text never causes an error: every text has tokens.
public struct TokenizerError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// There is no such file, or it cannot be read.
        case notFound
        /// Not JSON, or a field is missing, of another kind, or contradicts another one.
        case malformed
        /// A kind of model, normalizer, pre-tokenizer … that this module does not have.
        case unsupported
        /// More tokens or bytes than are accepted from a file.
        case limitExceeded
    }

    public var code: Code
    /// For a person: what was found and what was expected.
    public var message: String
    /// The file, where there is one.
    public var file: String?
    /// The place in it, like `pre_tokenizer.pretokenizers[0].pattern`.
    public var path: String?

    public init(_ code: Code, _ message: String, file: String? = nil, path: String? = nil) {
        self.code = code
        self.message = message
        self.file = file
        self.path = path
    }

    public var description: String {
        [file, path, message].compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: ": ")
    }
}
