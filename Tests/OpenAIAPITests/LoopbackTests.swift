import Foundation
import HTTP
import JSON
import Testing
import UV

@testable import OpenAIAPI

/// The same bodies over a socket: what the handler says is what arrives.
@Suite struct LoopbackTests {
    @Test(arguments: [
        ("POST", "/v1/chat/completions", TestAPI.chatBody("\"model\":\"sql\"")),
        ("POST", "/v1/chat/completions", TestAPI.chatBody("\"model\":\"sql\",\"stream\":true")),
        ("POST", "/v1/chat/completions", TestAPI.chatBody("\"n\":0")),
        ("POST", "/v1/completions", "{\"prompt\":\"x\",\"model\":\"base\"}"), ("GET", "/v1/models", ""), ("GET", "/nowhere", ""),
    ])
    func theSameRequestGivesTheSameBody(method: String, path: String, body: String) async throws {
        let inMemory = await TestAPI().send(method, path, body)
        let (status, text) = try await overLoopback(method, path, body)
        #expect(await status == inMemory.status)
        #expect(await text == inMemory.text)
    }

    @Test func aBodyThatIsTooLargeIsRefusedInTheSameShape() async throws {
        let (status, text) = try await overLoopback("POST", "/v1/chat/completions", String(repeating: " ", count: 9 << 20))
        #expect(status == 413)
        #expect(try JSONValue.parse(text).error("code") == "payload_too_large")
    }

    private func overLoopback(_ method: String, _ path: String, _ body: String) async throws -> (Int?, String) {
        let server = await LoopbackServer()
        let port = try await server.listen()
        let answer = try await Client.run { try Client(port: port).ask(method, path, body) }
        await server.close()
        return answer
    }
}

@LoopActor
final class LoopbackServer {
    private let api = TestAPI()
    private let server: HTTPServer

    init() {
        let service = api.service
        server = HTTPServer(errorAnswer: APIService.errorAnswer(cors: CORSPolicy())) { service.handle($0, $1) }
    }

    func listen() throws -> Int { try server.listen(host: "127.0.0.1", port: 0) }
    func close() { server.close() }
}

/// A blocking client for one request.
struct Client {
    struct Failure: Error {}
    private let descriptor: Int32

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw Failure() }
    }

    /// Off the cooperative threads.
    static func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Swift.Result { try body() }) }
        }
    }

    func ask(_ method: String, _ path: String, _ body: String) throws -> (Int?, String) {
        defer { close(descriptor) }
        let head = "\(method) \(path) HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
        var rest = Array((head + body).utf8)[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if sent <= 0 { break }
            rest = rest.dropFirst(sent)
        }
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count <= 0 { break }
            received += buffer[..<count]
        }
        let parts = String(decoding: received, as: UTF8.self).components(separatedBy: "\r\n\r\n")
        guard let head = parts.first else { throw Failure() }
        let status = head.split(separator: " ").dropFirst().first.flatMap { Int($0) }
        let body = parts.dropFirst().joined(separator: "\r\n\r\n")
        return (status, head.lowercased().contains("transfer-encoding: chunked") ? Self.dechunked(body) : body)
    }

    private static func dechunked(_ text: String) -> String {
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
