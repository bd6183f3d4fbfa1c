import HTTP

/// Which web pages may use the service from a browser (Fetch standard, CORS protocol).
///
/// Generation carries no cookies, so by default any page may generate. Information about this server (names of adapters,
/// metrics) is by default for pages of this machine only. What changes the server is for pages of this machine and for origins
/// that are listed, whatever the policy says: otherwise any site that a user of this machine visits could delete adapters.
public struct CORSPolicy: Sendable, Equatable {
    public enum Origins: Sendable, Equatable {
        /// Any page may generate; only pages of this machine may read the rest. The default.
        case generation
        case any
        /// Pages served from this machine, any port.
        case local
        /// Only these, as browsers send them (`https://app.example`).
        case listed([String])
        case none
    }

    public var origins: Origins

    public init(_ origins: Origins = .generation) { self.origins = origins }

    /// `generation`, `*`, `local`, `none`, or a comma-separated list of origins.
    public init(_ text: String) {
        let items = text.split { $0 == "," || $0.isWhitespace }.map(String.init)
        switch items {
        case ["generation"]: origins = .generation
        case ["*"]: origins = .any
        case ["local"]: origins = .local
        case [], ["none"]: origins = .none
        default: origins = .listed(items.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 })
        }
    }

    /// Whether a page of that origin may change what is served. Clients other than browsers send no origin.
    func allowsManagement(from origin: String?) -> Bool {
        guard let origin else { return true }
        guard Self.isPossible(origin) else { return false }
        if Self.isLocal(origin) { return true }
        if case .listed(let origins) = origins { return origins.contains(origin) }
        return false
    }

    /// Whether the origin is a page of the host that the request names.
    static func isOf(host: String?, _ origin: String) -> Bool {
        guard let host, !host.isEmpty else { return false }
        return ["http://", "https://"].contains { origin.utf8.elementsEqual("\($0)\(host)".utf8) }
    }

    /// Headers that let the page read an answer of any status.
    func headers(origin: String?, isGeneration: Bool) -> HTTPHeaders {
        let isForAll = origins == .any || (origins == .generation && isGeneration)
        if origins == .none { return [:] }
        guard let origin else { return isForAll ? [:] : ["Vary": "Origin"] }
        let isAllowed =
            switch origins {
            case .any, .none: true
            case .generation: isForAll || Self.isLocal(origin)
            case .local: Self.isLocal(origin)
            case .listed(let origins): Self.isPossible(origin) && origins.contains(origin)
            }
        var headers: HTTPHeaders = isForAll ? [:] : ["Vary": "Origin"]
        guard isAllowed else { return headers }
        headers["Access-Control-Allow-Origin"] = isForAll ? "*" : origin
        headers["Access-Control-Expose-Headers"] = Self.exposed
        return headers
    }

    /// Headers of the answer to a preflight, beside `headers(origin:)`.
    func preflight(methods: [String], requestedHeaders: String?, isPrivateNetwork: Bool) -> HTTPHeaders {
        var headers: HTTPHeaders = ["Access-Control-Allow-Methods": methods.joined(separator: ", ")]
        // Echoed, because `*` does not cover Authorization, and SDKs send headers of their own.
        headers["Access-Control-Allow-Headers"] = requestedHeaders ?? "Authorization, Content-Type"
        headers["Access-Control-Max-Age"] = "600"
        if isPrivateNetwork { headers["Access-Control-Allow-Private-Network"] = "true" }
        return headers
    }

    private static let exposed = [
        "x-request-id", "x-lmoe-adapter", "x-lmoe-route", "x-lmoe-probability", "openai-processing-ms", "retry-after",
        "x-adapter-id", "x-model-id",
    ].joined(separator: ", ")

    /// Browsers send origins in ASCII. Comparing long Unicode text could take very long.
    private static func isPossible(_ origin: String) -> Bool { origin.utf8.allSatisfy { $0 < 0x80 } }

    static func isLocal(_ origin: String) -> Bool {
        guard isPossible(origin) else { return false }
        for scheme in ["http://", "https://"] where origin.hasPrefix(scheme) {
            let authority = origin.dropFirst(scheme.count)
            let host: Substring
            if authority.hasPrefix("[") {
                guard let end = authority.firstIndex(of: "]") else { return false }
                host = authority[...end]
            } else {
                host = authority.prefix { $0 != ":" }
            }
            let rest = authority.dropFirst(host.count)
            guard rest.isEmpty || (rest.first == ":" && rest.dropFirst().allSatisfy(\.isASCIIDigit)) else { return false }
            return ["localhost", "127.0.0.1", "[::1]"].contains(host) || host.hasSuffix(".localhost")
        }
        return false
    }
}

extension Character {
    fileprivate var isASCIIDigit: Bool { self >= "0" && self <= "9" }
}
