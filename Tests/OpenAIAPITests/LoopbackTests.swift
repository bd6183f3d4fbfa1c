import Foundation
import HTTP
import JSON
import TestSupport
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
        let answer = try await LoopbackClient.run { try LoopbackAnswer.ask(method, path, body, port: port) }
        await server.close()
        return (answer.status, answer.text)
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
