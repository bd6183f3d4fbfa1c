internal import Files

/// Where the hub is, who asks, and where its cache lies: from the variables that Hugging Face's own client reads.
public struct HubSettings: Sendable {
    /// `HF_ENDPOINT`, without a slash at the end.
    public var endpoint = "https://huggingface.co"
    /// `HF_TOKEN`, else the file that `hf auth login` writes. It goes to the endpoint's host alone.
    public var token: String?
    /// `HF_HUB_CACHE`, else `hub` in `HF_HOME`.
    public var cache: String
    /// `HF_HUB_OFFLINE`: only the cache is used.
    public var isOffline = false
    /// A file of certificates instead of the system's: `SSL_CERT_FILE`, `CURL_CA_BUNDLE` or `REQUESTS_CA_BUNDLE`.
    public var certificates: String?

    public init(cache: String) { self.cache = cache }

    /// Errors: `invalid`, naming the variable; `io` for a token's file that cannot be read.
    public init(environment: [String: String], limits: HubLimits = HubLimits()) throws(HubError) {
        let value = { (names: String...) in names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty } }
        let home = environment["HOME"]
        guard let base = value("HF_HOME") ?? value("XDG_CACHE_HOME").map({ "\($0)/huggingface" }) ?? home.map({ "\($0)/.cache/huggingface" }) else {
            throw HubError(.invalid, "neither HF_HOME nor HOME is set, so nothing says where the hub's cache is; set HF_HOME")
        }
        let folder = Self.expanded(base, home)
        cache = Self.expanded(value("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE") ?? "\(folder)/hub", home)
        isOffline = Self.isTrue(value("HF_HUB_OFFLINE")) || Self.isTrue(value("TRANSFORMERS_OFFLINE"))
        certificates = value("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
        if let given = value("HF_ENDPOINT") { endpoint = try Self.endpoint(given) }
        guard !Self.isTrue(value("HF_HUB_DISABLE_IMPLICIT_TOKEN")) else { return }
        if let given = value("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") {
            token = try Self.token(given, "HF_TOKEN")
        } else {
            let path = Self.expanded(value("HF_TOKEN_PATH") ?? "\(folder)/token", home)
            token = try Self.token(file: path, limits)
        }
    }

    private static func endpoint(_ text: String) throws(HubError) -> String {
        var text = text
        while text.hasSuffix("/") { text.removeLast() }
        guard let url = HubURL(text), url.host != "" else {
            throw HubError(.invalid, "expected an address such as https://huggingface.co, found `\(HubError.shown(text))`", place: "HF_ENDPOINT")
        }
        guard !url.hasUser, !text.contains("?"), !text.contains("#") else {
            throw HubError(.invalid, "an address without a user, a query or a fragment is expected", place: "HF_ENDPOINT")
        }
        return text
    }

    private static func token(file path: String, _ limits: HubLimits) throws(HubError) -> String? {
        let text: String
        do throws(FileError) {
            text = try RegularFile.text(path, limitBytes: limits.cardBytes)
        } catch where error.code == .notFound {
            return nil
        } catch {
            throw HubError(error)
        }
        return try token(text, path)
    }

    /// A token is one line of a header: nothing may follow it there.
    private static func token(_ text: String, _ place: String) throws(HubError) -> String? {
        let bytes = text.utf8.drop { $0 <= 0x20 }
        let end = bytes.lastIndex { $0 > 0x20 }.map { bytes.index(after: $0) } ?? bytes.startIndex
        let token = bytes[..<end]
        guard !token.isEmpty else { return nil }
        guard token.count <= 4_096, token.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw HubError(.invalid, "not a token: expected at most 4096 printable characters without spaces", place: place)
        }
        return String(decoding: token, as: UTF8.self)
    }

    private static func isTrue(_ text: String?) -> Bool { ["1", "on", "yes", "true"].contains(text?.lowercased()) }

    private static func expanded(_ path: String, _ home: String?) -> String {
        guard let home, path == "~" || path.hasPrefix("~/") else { return path }
        return home + path.dropFirst()
    }
}
