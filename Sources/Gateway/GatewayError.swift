/// Why the service could not be configured or started.
public struct GatewayError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// A flag, a variable or a key of the file: exit status 2.
        case configuration
        /// A model, an encoder or a folder could not be opened.
        case notOpened
        /// The address could not be bound.
        case notBound
    }

    public var code: Code
    /// For people: what was found, and what was expected.
    public var message: String
    /// The flag, variable, key or file.
    public var place: String?

    public init(_ code: Code, _ message: String, place: String? = nil) {
        self.code = code
        self.message = message
        self.place = place
    }

    public var description: String { place.map { "\($0): \(message)" } ?? message }
}
