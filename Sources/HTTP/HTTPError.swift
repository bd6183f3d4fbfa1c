/// A request that the server refuses before any handler sees it.
public struct HTTPError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: Int, Sendable {
        case badRequest = 400
        case requestTimeout = 408
        case contentTooLarge = 413
        case targetTooLong = 414
        case expectationFailed = 417
        case headersTooLarge = 431
        case notImplemented = 501
        case unavailable = 503
        case versionNotSupported = 505
    }

    public var code: Code
    /// For a person.
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var status: Int { code.rawValue }
    public var description: String { "\(status): \(message)" }
}
