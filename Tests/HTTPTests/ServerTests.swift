import Foundation
import HTTP
import Testing
import UV

@Suite struct ServerTests {
    @Test func answersOverLoopbackAndKeepsTheConnection() async throws {
        let text = try await withServer(handler: echo) { port, _ in
            try await RawClient.run {
                let client = try RawClient(port: port)
                client.send("GET /a?x=1 HTTP/1.1\r\nHost: h\r\n\r\n")
                _ = client.receive(until: "GET /a ")
                client.send("POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc")
                return client.receiveAll()
            }
        }
        let answers = try #require(text).components(separatedBy: "HTTP/1.1 200 OK\r\n").dropFirst()
        #expect(answers.count == 2)
        #expect(answers.first?.hasSuffix("\r\n\r\nGET /a ") == true)
        #expect(answers.last?.hasSuffix("\r\n\r\nPOST /b abc") == true)
        #expect(answers.last?.contains("Connection: close\r\n") == true)
        #expect(answers.first?.contains("Connection:") == false)
    }
}
