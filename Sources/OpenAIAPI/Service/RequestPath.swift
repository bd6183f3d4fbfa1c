import HTTP

/// The endpoints that a request's path names.
struct RequestPath: Sendable {
    /// Those of a pattern without parameters come before others: `/v1/responses/input_tokens` is no response's identity.
    let matches: [(endpoint: Endpoint, parameters: [String])]

    init(_ request: HTTPRequest) {
        let path = request.path.utf8.split(separator: UInt8(ascii: "/"))
        let all = Endpoint.all.compactMap { endpoint in endpoint.match(path).map { (endpoint, $0) } }
        let exact = all.filter { !$0.0.hasParameters }
        matches = exact.isEmpty ? all : exact
    }

    /// Pages of any site may read the answer. So they may read that a path is unknown.
    var isGeneration: Bool { matches.isEmpty || matches.contains { $0.endpoint.access == .generation } }

    var allowedMethods: [String] {
        let methods = matches.map(\.endpoint.method)
        return methods + (methods.contains("GET") ? ["HEAD"] : []) + ["OPTIONS"]
    }

    /// The server drops the body of an answer to HEAD.
    func match(_ method: String) -> (endpoint: Endpoint, parameters: [String])? {
        matches.first { $0.endpoint.method == (method == "HEAD" ? "GET" : method) }
    }

    /// What `OPTIONS` answers. A page learns that a path is unknown from its request, which a browser sends only after a
    /// preflight that succeeds.
    func optionsMethods(_ request: HTTPRequest) -> [String]? {
        if !matches.isEmpty { return allowedMethods }
        guard request.headers.contains("Origin") else { return nil }
        return ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"]
    }
}
