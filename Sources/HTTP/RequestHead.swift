/// The request line and fields of a request that is being read, and what they say about its body.
struct RequestHead {
    enum Framing: Equatable { case none, length(Int), chunked }

    var method = ""
    var target = ""
    var parsedTarget = RequestTarget(path: "/", query: [])
    var version = HTTPRequest.Version.http11
    var headers = HTTPHeaders()

    /// `METHOD SP target SP HTTP/1.1`, one space each (RFC 9112, 3).
    mutating func readRequestLine(_ line: [UInt8]) throws(HTTPError) {
        let parts = line.split(separator: 0x20, maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[1].isEmpty else {
            throw HTTPError(.badRequest, "the request line has to be a method, a target and a version")
        }
        guard !parts[0].isEmpty, parts[0].allSatisfy(\.isToken) else {
            throw HTTPError(.badRequest, "the method holds a character that methods may not have")
        }
        version = try Self.version(parts[2])
        guard parts[1].allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }) else {
            throw HTTPError(.badRequest, "the target holds a character that has to be percent-encoded")
        }
        method = String(decoding: parts[0], as: UTF8.self)
        target = String(decoding: parts[1], as: UTF8.self)
        parsedTarget = try RequestTarget(target, method: method)
    }

    private static func version(_ text: ArraySlice<UInt8>) throws(HTTPError) -> HTTPRequest.Version {
        if text.elementsEqual("HTTP/1.1".utf8) { return .http11 }
        if text.elementsEqual("HTTP/1.0".utf8) { return .http10 }
        let bytes = Array(text)
        let isVersion = bytes.count == 8 && bytes.starts(with: "HTTP/".utf8) && bytes[6] == UInt8(ascii: ".")
            && (0x30...0x39).contains(bytes[5]) && (0x30...0x39).contains(bytes[7])
        throw isVersion
            ? HTTPError(.versionNotSupported, "this server speaks HTTP/1.1 and HTTP/1.0")
            : HTTPError(.badRequest, "the request line does not end in an HTTP version")
    }

    /// The rules for the header as a whole.
    func check() throws(HTTPError) {
        let hosts = headers.values("Host")
        guard hosts.count == 1 || (hosts.isEmpty && version == .http10) else {
            throw HTTPError(.badRequest, hosts.isEmpty ? "the Host field is missing" : "more than one Host field")
        }
        let allowed = hosts.allSatisfy { host in
            host.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"/\\@,?#\"<>".utf8.contains($0) }
        }
        guard allowed else { throw HTTPError(.badRequest, "the Host field is no host") }
    }

    /// Where the body ends (RFC 9112, 6.3).
    func framing() throws(HTTPError) -> Framing {
        let encodings = headers.values("Transfer-Encoding")
        let lengths = headers.values("Content-Length")
        if !encodings.isEmpty {
            guard lengths.isEmpty else {
                throw HTTPError(.badRequest, "Content-Length beside Transfer-Encoding")
            }
            guard version == .http11 else { throw HTTPError(.badRequest, "Transfer-Encoding in an HTTP/1.0 request") }
            guard encodings.count == 1, HTTPHeaders.equal(encodings[0], "chunked") else {
                throw HTTPError(.notImplemented, "the only transfer encoding here is chunked")
            }
            return .chunked
        }
        guard let first = lengths.first else { return .none }
        guard lengths.allSatisfy({ $0.utf8.elementsEqual(first.utf8) }) else {
            throw HTTPError(.badRequest, "Content-Length fields that differ")
        }
        // 18 digits always fit.
        guard (1...18).contains(first.utf8.count), first.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let length = Int(first)
        else {
            // A number of more digits is larger than every limit.
            let isNumber = !first.isEmpty && first.utf8.allSatisfy { (0x30...0x39).contains($0) }
            throw isNumber
                ? HTTPError(.contentTooLarge, "the body is too large")
                : HTTPError(.badRequest, "Content-Length is not a number")
        }
        return length == 0 ? .none : .length(length)
    }

    /// Whether the client waits for `100 Continue` before it sends the body.
    func expectsContinue() throws(HTTPError) -> Bool {
        guard let expectation = headers["Expect"], version == .http11 else { return false }
        guard HTTPHeaders.equal(expectation, "100-continue") else {
            throw HTTPError(.expectationFailed, "the only expectation here is 100-continue")
        }
        return true
    }
}
