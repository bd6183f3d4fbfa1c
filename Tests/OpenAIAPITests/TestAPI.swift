import Generation
import HTTP
import JSON
import Serving
import Testing
import UV

@testable import OpenAIAPI

@LoopActor
final class RecordLog {
    var records: [RequestRecord] = []
}

/// The handler over scripted services.
@LoopActor
final class TestAPI {
    let backend: ScriptedBackend
    let services = ScriptedServices()
    let service: APIService
    var records: [RequestRecord] { log.records }
    private let log = RecordLog()
    let tuning: ScriptedTuning?

    init(
        _ script: @escaping ScriptedBackend.Script = ScriptedBackend.hello, tuning: ScriptedTuning? = nil,
        memories: ScriptedMemories? = nil, configure: (inout APIConfiguration) -> Void = { _ in }
    ) {
        backend = ScriptedBackend(script)
        self.tuning = tuning
        var configuration = APIConfiguration()
        configure(&configuration)
        let log = log
        service = APIService(
            configuration, metrics: { "lmoe_up 1\n" }, observe: { log.records.append($0) }, clock: { 1_700_000_000 },
            generator: CountingGenerator())
        service.services = APIServices(
            serving: RoutedBackend(backend, router: services), catalogue: services, adapters: services, embeddings: services,
            tuning: tuning, memories: memories)
    }

    func send(
        _ method: String, _ target: String, _ body: String = "", headers: HTTPHeaders = [:]
    ) async -> HTTPResponseRecorder {
        let request = HTTPRequest(method: method, target: target, headers: headers, body: Array(body.utf8))
        return await HTTPResponseRecorder.answer(request, by: service.handle)
    }

    func chat(_ fields: String, headers: HTTPHeaders = [:]) async -> HTTPResponseRecorder {
        await send("POST", "/v1/chat/completions", Self.chatBody(fields), headers: headers)
    }

    /// A chat body with one user turn, and more fields.
    nonisolated static func chatBody(_ fields: String) -> String {
        let more = fields.isEmpty ? "" : ", \(fields)"
        return "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]\(more)}"
    }
}

extension HTTPResponseRecorder {
    var text: String { String(decoding: body, as: UTF8.self) }

    func json() throws -> JSONValue { try JSONValue.parse(body) }

    /// The `data:` lines of a stream.
    var events: [String] {
        text.split(separator: "\n\n").map { $0.hasPrefix("data: ") ? String($0.dropFirst(6)) : "not data: \($0)" }
    }

    /// The events of a stream whose events have names.
    func namedEvents() throws -> [(name: String, data: JSONValue)] {
        try text.split(separator: "\n\n").map { event in
            let lines = event.split(separator: "\n", maxSplits: 1)
            #expect(lines.count == 2 && lines[0].hasPrefix("event: ") && lines[1].hasPrefix("data: "), "\(event)")
            return (String(lines[0].dropFirst(7)), try JSONValue.parse(String(lines[1].dropFirst(6))))
        }
    }

    /// The lines of a stream of lines.
    func lines() throws -> [JSONValue] { try text.split(separator: "\n").map { try JSONValue.parse(String($0)) } }

    func eventValues() throws -> [JSONValue] { try events.filter { $0 != "[DONE]" }.map { try JSONValue.parse($0) } }
}

extension JSONValue {
    /// The error object's member.
    func error(_ key: String) -> JSONValue? { self["error"]?[key] }
}
