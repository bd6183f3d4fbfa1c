import Foundation

/// One HTTP answer, taken apart without the code that is under test.
public struct LoopbackAnswer: Sendable {
    public var status: Int
    /// In the order of the wire, names as sent.
    public var headers: [(name: String, value: String)]
    /// Chunks joined.
    public var text: String

    /// Of a name in any case, the first.
    public func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name.lowercased() }?.value }

    /// One request on a connection of its own, blocking.
    /// - Parameter headers: lines with their ends (`Name: value\r\n`).
    public static func ask(
        _ method: String, _ path: String, _ body: String = "", headers: String = "", port: Int
    ) throws -> LoopbackAnswer {
        try ask(method, path, bytes: Array(body.utf8), headers: headers, port: port)
    }

    /// The same with a body of any bytes.
    public static func ask(_ method: String, _ path: String, bytes: [UInt8], headers: String = "", port: Int) throws -> LoopbackAnswer {
        let client = try LoopbackClient(port: port)
        client.send("\(method) \(path) HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\(headers)Content-Length: \(bytes.count)\r\n\r\n")
        client.send(bytes)
        // A reset after the answer leaves what came before it.
        _ = client.receiveAll()
        return try LoopbackAnswer(client.received)
    }

    /// From the first byte of the status line to the end of the stream.
    public init(_ bytes: [UInt8]) throws {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.range(of: "\r\n\r\n") else { throw LoopbackClient.Failure("no answer, or one that was cut off: \(text)") }
        let lines = text[..<end.lowerBound].split(separator: "\r\n", omittingEmptySubsequences: false)
        guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            throw LoopbackClient.Failure("no status line: \(text)")
        }
        self.status = status
        headers = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(parts[0]), parts.count > 1 ? String(parts[1].drop { $0 == " " }) : "")
        }
        self.text = String(text[end.upperBound...])
        if header("transfer-encoding")?.lowercased() == "chunked" { self.text = Self.joined(self.text) }
    }

    private static func joined(_ text: String) -> String {
        var rest = Array(text.utf8)[...]
        var body: [UInt8] = []
        while let end = rest.firstIndex(of: 0x0D) {
            guard let size = Int(String(decoding: rest[..<end], as: UTF8.self), radix: 16), size > 0 else { break }
            let start = end + 2
            body += rest[start..<min(start + size, rest.endIndex)]
            rest = rest.dropFirst(start + size + 2 - rest.startIndex)
        }
        return String(decoding: body, as: UTF8.self)
    }
}
