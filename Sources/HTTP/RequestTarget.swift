/// A request target taken apart (RFC 9112, 3.2): origin form, absolute form, and `*`.
struct RequestTarget {
    var path: String
    var query: [(name: String, value: String)]

    init(path: String, query: [(name: String, value: String)]) {
        self.path = path
        self.query = query
    }

    init(_ target: String, method: String) throws(HTTPError) {
        if target == "*" {
            guard method == "OPTIONS" else { throw HTTPError(.badRequest, "the target * is for OPTIONS") }
            self.init(path: "*", query: [])
            return
        }
        let origin = try Self.originForm(target[...])
        let parts = origin.utf8.split(separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
        let path = try Self.normalise(Self.decode(parts[0], isQuery: false))
        self.init(path: path, query: try parts.count > 1 ? Self.parameters(parts[1]) : [])
    }

    /// `http://host/path` -> `/path`.
    private static func originForm(_ target: Substring) throws(HTTPError) -> Substring {
        if target.first == "/" { return target }
        for scheme in ["http://", "https://"] where HTTPHeaders.equal(target.prefix(scheme.count), scheme) {
            let rest = target.dropFirst(scheme.count)
            let path = rest.drop { $0 != "/" && $0 != "?" }
            return path.first == "/" ? path : "/" + path
        }
        throw HTTPError(.badRequest, "the request target has to begin with a slash")
    }

    private static func parameters(_ query: Substring.UTF8View) throws(HTTPError) -> [(name: String, value: String)] {
        var parameters: [(name: String, value: String)] = []
        for pair in query.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let name = try decode(parts[0], isQuery: true)
            parameters.append((name: name, value: try parts.count > 1 ? decode(parts[1], isQuery: true) : ""))
        }
        return parameters
    }

    /// In a query `+` is a space. In a path an encoded slash is a character of its segment and stays `%2F`: decoded, it would
    /// divide segments, and a name that a client encoded could reach another resource.
    private static func decode(_ text: Substring.UTF8View, isQuery: Bool) throws(HTTPError) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var rest = text[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst()?.hexValue, let low = rest.popFirst()?.hexValue else {
                    throw HTTPError(.badRequest, "a % in the request target is not followed by two hexadecimal digits")
                }
                let decoded = high << 4 | low
                if decoded == UInt8(ascii: "/"), !isQuery {
                    bytes += Array("%2F".utf8)
                } else {
                    bytes.append(decoded)
                }
            case UInt8(ascii: "+") where isQuery: bytes.append(0x20)
            default: bytes.append(byte)
            }
        }
        guard let decoded = String(validating: bytes, as: UTF8.self), !bytes.contains(0) else {
            throw HTTPError(.badRequest, "the request target does not decode to UTF-8 text")
        }
        return decoded
    }

    /// Without empty, `.` and `..` segments; `..` at the root is refused. A slash at the end stays.
    private static func normalise(_ path: String) throws(HTTPError) -> String {
        var kept: [Substring] = []
        // Bytes are compared: comparing long Unicode text could take very long.
        let segments = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let isDots = { (segment: Substring.UTF8View) in segment.count <= 2 && segment.allSatisfy { $0 == UInt8(ascii: ".") } }
        for segment in segments {
            guard isDots(segment) else {
                kept.append(Substring(segment))
                continue
            }
            guard segment.count < 2 || kept.popLast() != nil else { throw HTTPError(.badRequest, "the path leaves the root") }
        }
        let isFolder = !kept.isEmpty && segments.last.map(isDots) ?? true
        return "/" + kept.joined(separator: "/") + (isFolder ? "/" : "")
    }
}

extension UInt8 {
    /// 0-15 for a hexadecimal digit.
    var hexValue: UInt8? {
        switch self {
        case 0x30...0x39: self - 0x30
        case 0x41...0x46: self - 0x41 + 10
        case 0x61...0x66: self - 0x61 + 10
        default: nil
        }
    }
}
