internal import CCurl

/// An address as libcurl reads it, so that what is checked is what is asked.
struct HubURL: Sendable, Equatable, CustomStringConvertible {
    let text: String
    let scheme: String
    /// In small letters.
    let host: String
    let port: Int
    /// Whether there is a name or a password before the host.
    let hasUser: Bool

    var description: String { text }

    /// Nil for what is no address, or none of http or https.
    init?(_ text: String) { self.init(text, from: nil) }

    /// Where a redirect leads from here: `location` may be relative.
    func following(_ location: String) -> HubURL? { HubURL(location, from: self) }

    private init?(_ location: String, from base: HubURL?) {
        guard !location.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }), location.utf8.count <= 16 << 10, let handle = curl_url() else { return nil }
        defer { curl_url_cleanup(handle) }
        if let base { guard curl_url_set(handle, CURLUPART_URL, base.text, 0) == CURLUE_OK else { return nil } }
        guard curl_url_set(handle, CURLUPART_URL, location, 0) == CURLUE_OK else { return nil }
        guard let text = Self.part(handle, CURLUPART_URL), let scheme = Self.part(handle, CURLUPART_SCHEME)?.lowercased(),
            let host = Self.part(handle, CURLUPART_HOST)?.lowercased(), !host.isEmpty,
            let port = Self.part(handle, CURLUPART_PORT, UInt32(CURLU_DEFAULT_PORT)).flatMap({ Int($0) }), ["http", "https"].contains(scheme)
        else { return nil }
        self.text = text
        self.scheme = scheme
        self.host = host
        self.port = port
        hasUser = Self.part(handle, CURLUPART_USER) != nil || Self.part(handle, CURLUPART_PASSWORD) != nil
    }

    private static func part(_ handle: OpaquePointer, _ part: CURLUPart, _ flags: UInt32 = 0) -> String? {
        var value: UnsafeMutablePointer<CChar>?
        guard curl_url_get(handle, part, &value, flags) == CURLUE_OK, let value else { return nil }
        defer { curl_free(value) }
        return String(cString: value)
    }

    /// Whether what is meant for the other address may be told to this one: the same host and port, and the same protection or more.
    func isSameOrigin(as other: HubURL) -> Bool {
        guard host == other.host else { return false }
        if scheme == other.scheme { return port == other.port }
        return scheme == "https" && port == 443 && other.port == 80
    }

    /// Whether the host is this machine.
    var isLoopback: Bool { host == "localhost" || host == "[::1]" || host.hasPrefix("127.") && host.utf8.allSatisfy { $0 < 0x3A } }

    /// One component of a path, with everything escaped that has a meaning in an address.
    static func escaped(_ component: some StringProtocol) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in component.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "~"):
                bytes.append(byte)
            default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A path of several components.
    static func escaped(path: String) -> String {
        path.split(separator: "/", omittingEmptySubsequences: false).map { escaped($0) }.joined(separator: "/")
    }
}
