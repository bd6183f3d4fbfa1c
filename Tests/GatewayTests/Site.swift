import Foundation
import HTTP
import JSON
import OpenAIAPI
import Telemetry

@testable import Gateway

/// A service on a free port, and a client for it.
final class Site: Sendable {
    struct Answer: Sendable {
        struct Cut: Error {}
        var status: Int
        var headers: HTTPHeaders
        var text: String
        func json() throws -> JSONValue { try JSONValue.parse(text) }
    }

    let folder: TemporaryFolder
    let configuration: ServiceConfiguration
    let log = MemoryLogSink()
    let library: AdapterLibrary
    let service: Service
    private let backend: NamingBackend
    private let embedder = WordEmbedder()
    private let port: Int

    init(
        drainMilliseconds: Int = 10_000, keys: APIKeys = APIKeys(), configure: (inout ServiceConfiguration, TemporaryFolder) throws -> Void = { _, _ in }
    ) async throws {
        folder = try TemporaryFolder()
        var configuration = ServiceConfiguration()
        configuration.port = 0
        configuration.adapters = "\(folder.path)/adapters"
        configuration.routes = nil
        configuration.limits.drainMilliseconds = drainMilliseconds
        configuration.limits.rescanMilliseconds = 300
        try configure(&configuration, folder)
        self.configuration = configuration
        library = try Fixture.library(folder, embedder: embedder, routes: configuration.routes != nil, policy: configuration.requests)
        backend = NamingBackend(library.store)
        let logger = Logger(sink: log)
        service = await Service(configuration, keys: keys, logger: logger)
        port = try await service.listen()
    }

    func open() async throws {
        let parts = ServiceParts(backend: backend, embedder: embedder, library: library, stop: { [backend] in backend.stop() })
        try await service.open { parts }
    }

    func hold() { backend.hold() }
    func release() { backend.release() }
    var stops: Int { backend.stops.withLock { $0 } }

    func chat(_ text: String, model: String = "auto", headers: String = "") async throws -> Answer {
        try await ask(
            "POST", "/v1/chat/completions",
            "{\"model\":\"\(model)\",\"messages\":[{\"role\":\"user\",\"content\":\"\(text)\"}]}", headers: headers)
    }

    /// Asks until it holds; false after ten seconds.
    func until(_ condition: () async throws -> Bool) async throws -> Bool {
        for _ in 0..<200 {
            if try await condition() { return true }
            try await Task.sleep(for: .milliseconds(50))
        }
        return false
    }

    /// One request on a connection of its own.
    /// - Parameter headers: lines with their ends.
    func ask(_ method: String, _ path: String, _ body: String = "", headers: String = "") async throws -> Answer {
        let port = port
        return try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(with: Result { try Self.exchange(port, method, path, body, headers) })
            }
        }
    }

    private static func exchange(_ port: Int, _ method: String, _ path: String, _ body: String, _ headers: String) throws -> Answer {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw Answer.Cut() }
        let text = "\(method) \(path) HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count <= 0 { break }
            received += buffer[..<count]
        }
        let parts = String(decoding: received, as: UTF8.self).components(separatedBy: "\r\n\r\n")
        let lines = parts[0].components(separatedBy: "\r\n")
        guard let status = lines[0].split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { throw Answer.Cut() }
        var headers = HTTPHeaders()
        for line in lines.dropFirst() {
            let field = line.components(separatedBy: ": ")
            headers.add(field[0], field.dropFirst().joined(separator: ": "))
        }
        return Answer(status: status, headers: headers, text: parts.dropFirst().joined(separator: "\r\n\r\n"))
    }
}
