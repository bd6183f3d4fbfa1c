/// A request that the server refuses before a handler sees it.
public struct HTTPError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: Sendable {
        case badRequest
        case requestTimeout
        case contentTooLarge
        case targetTooLong
        case expectationFailed
        case headersTooLarge
        case notImplemented
        /// More connections than `HTTPLimits.connections`.
        case tooManyConnections
        /// The bodies of all requests together take more than `HTTPLimits.allBodiesBytes`.
        case bodiesFull
        /// The server stops, and the request was not complete in time.
        case draining
        case versionNotSupported

        /// The HTTP status.
        public var status: Int {
            switch self {
            case .badRequest: 400
            case .requestTimeout: 408
            case .contentTooLarge: 413
            case .targetTooLong: 414
            case .expectationFailed: 417
            case .headersTooLarge: 431
            case .notImplemented: 501
            case .tooManyConnections, .bodiesFull, .draining: 503
            case .versionNotSupported: 505
            }
        }
    }

    public var code: Code
    /// For a person.
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var status: Int { code.status }
    public var description: String { "\(status): \(message)" }
}
