/// One whole request, its body in memory (at most `HTTPLimits.bodyBytes`).
public struct HTTPRequest: Sendable {
    public enum Version: Sendable, Equatable { case http10, http11 }

    /// As sent, case matters: `GET`.
    public var method: String
    /// As sent: `/v1/models?limit=2`.
    public var target: String
    /// The target's path: percent-decoded, without `.` and `..` and repeated slashes; `*` for `OPTIONS *`.
    public var path: String
    /// The target's query, decoded, in order.
    public var query: [(name: String, value: String)]
    public var version: Version
    public var headers: HTTPHeaders
    public var body: [UInt8]
    /// The address of the peer, like `127.0.0.1:40312`; empty in memory.
    public var remoteAddress: String

    /// For tests and calls in memory. A target that is malformed becomes the path as it is.
    public init(
        method: String, target: String, headers: HTTPHeaders = [:], body: [UInt8] = [], version: Version = .http11,
        remoteAddress: String = ""
    ) {
        let parsed = try? RequestTarget(target, method: method)
        self.init(
            method: method, target: target, parsed: parsed ?? RequestTarget(path: target, query: []), version: version,
            headers: headers, body: body, remoteAddress: remoteAddress)
    }

    init(
        method: String, target: String, parsed: RequestTarget, version: Version, headers: HTTPHeaders, body: [UInt8],
        remoteAddress: String = ""
    ) {
        self.method = method
        self.target = target
        path = parsed.path
        query = parsed.query
        self.version = version
        self.headers = headers
        self.body = body
        self.remoteAddress = remoteAddress
    }

    /// The first value of a query parameter.
    public func query(_ name: String) -> String? { query.first { $0.name == name }?.value }

    /// Whether the connection may serve another request after this one (RFC 9112, 9.3).
    var allowsKeepAlive: Bool {
        switch version {
        case .http11: !headers.hasToken("close", in: "Connection")
        case .http10: headers.hasToken("keep-alive", in: "Connection")
        }
    }
}
