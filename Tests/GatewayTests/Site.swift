import Adapters
import Foundation
import HTTP
import JSON
import Logging
import OpenAIAPI
import Telemetry
import TestSupport

@testable import Gateway

/// A service on a free port, and a client for it.
final class Site: Sendable {
    struct Answer: Sendable {
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
    let port: Int

    init(
        drainMilliseconds: Int = 1_200_000, keys: APIKeys = APIKeys(),
        configure: (inout ServiceConfiguration, TemporaryFolder) throws -> Void = { _, _ in }, check: PromptingCheck? = nil
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
        library = try Fixture.library(folder, embedder: embedder, routes: configuration.routes != nil, policy: configuration.requests,
            hasKeys: !keys.isEmpty, limits: configuration.limits.adapters, check: check)
        backend = NamingBackend(library.store)
        let logger = Logger(sink: log)
        service = await Service(configuration, keys: keys, logger: logger)
        port = try await service.listen()
    }

    func open() async throws {
        let parts = ServiceParts(backend: backend, embedder: embedder, library: library)
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

    /// Asks until it holds; false when `patience` is over.
    func until(_ condition: () async throws -> Bool) async throws -> Bool { try await holds(condition) }

    /// One request on a connection of its own.
    /// - Parameter headers: lines with their ends.
    func ask(_ method: String, _ path: String, _ body: String = "", headers: String = "") async throws -> Answer {
        try await ask(method, path, bytes: Array(body.utf8), headers: headers)
    }

    func ask(_ method: String, _ path: String, bytes: [UInt8], headers: String = "") async throws -> Answer {
        let port = port
        return try await LoopbackClient.run { try Self.exchange(port, method, path, bytes, headers) }
    }

    private static func exchange(_ port: Int, _ method: String, _ path: String, _ bytes: [UInt8], _ headers: String) throws -> Answer {
        let answer = try LoopbackAnswer.ask(method, path, bytes: bytes, headers: headers, port: port)
        var fields = HTTPHeaders()
        for (name, value) in answer.headers { fields.add(name, value) }
        return Answer(status: answer.status, headers: fields, text: answer.text)
    }
}
