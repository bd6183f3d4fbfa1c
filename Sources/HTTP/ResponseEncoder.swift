/// The bytes of responses (RFC 9112, 4). Pure.
enum ResponseEncoder {
    /// How the reader learns where the body ends.
    enum Framing: Equatable {
        case length(Int), chunked
        /// By the end of the connection: streams for HTTP/1.0.
        case untilClose
        /// Statuses that have no body.
        case none
    }

    static func head(
        status: Int, headers: HTTPHeaders, framing: Framing, version: HTTPRequest.Version, keepAlive: Bool, date: String
    ) -> [UInt8] {
        // The status line says 1.1 to 1.0 clients too: it is the server's version (RFC 9110, 2.5).
        var text = "HTTP/1.1 \(status) \(HTTPStatus.reason(status))\r\n"
        for (name, value) in headers.fields where isAllowed(name) {
            text += "\(name): \(sanitised(value))\r\n"
        }
        switch framing {
        case .length(let count): text += "Content-Length: \(count)\r\n"
        case .chunked: text += "Transfer-Encoding: chunked\r\n"
        case .untilClose, .none: break
        }
        if !headers.contains("Date") { text += "Date: \(date)\r\n" }
        if !keepAlive {
            text += "Connection: close\r\n"
        } else if version == .http10 {
            text += "Connection: keep-alive\r\n"
        }
        text += "\r\n"
        return Array(text.utf8)
    }

    static func chunk(_ bytes: [UInt8]) -> [UInt8] {
        var framed: [UInt8] = []
        framed.reserveCapacity(bytes.count + 12)
        framed += String(bytes.count, radix: 16).utf8
        framed += [0x0D, 0x0A]
        framed += bytes
        framed += [0x0D, 0x0A]
        return framed
    }

    static let lastChunk = Array("0\r\n\r\n".utf8)
    static let continueHead = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    /// Framing belongs to the server, and a name that is no token would break the header.
    private static func isAllowed(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.allSatisfy(\.isToken)
            && !["content-length", "transfer-encoding", "connection"].contains { HTTPHeaders.equal($0, name) }
    }

    /// Values may carry text from requests: control characters, which could end the line, become spaces.
    private static func sanitised(_ value: String) -> String {
        guard value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return value }
        return String(decoding: value.utf8.map { $0 < 0x20 || $0 == 0x7F ? 0x20 : $0 }, as: UTF8.self)
    }
}
