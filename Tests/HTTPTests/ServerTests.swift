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

    @Test func pipelinedRequestsAreAnsweredInOrderThoughLaterOnesAreFaster() async throws {
        let handler: HTTPServer.Handler = { request, responder in
            let milliseconds = Int(request.query("ms") ?? "") ?? 0
            Task { @LoopActor in
                try? await Task.sleep(for: .milliseconds(milliseconds))
                echo(request, responder)
            }
        }
        let text = try await withServer(handler: handler) { port, _ in
            try await RawClient.run {
                let client = try RawClient(port: port)
                client.send((0..<20).map { "GET /\($0)?ms=\($0 == 0 ? 100 : 0) HTTP/1.1\r\nHost: h\r\n\r\n" }.joined())
                return client.receive(until: "HTTP/1.1 200", count: 20).flatMap { _ in client.receive(until: "GET /19 ") }
            }
        }
        let order = try #require(text).components(separatedBy: "GET /").dropFirst().map { $0.prefix { $0.isNumber } }
        #expect(order == (0..<20).map { Substring("\($0)") })
    }

    @Test func thousandsOfPipelinedRequestsNeedNoStack() async throws {
        let count = 20_000
        let received = try await withServer(handler: echo) { port, _ in
            try await RawClient.run {
                let client = try RawClient(port: port)
                Thread.detachNewThread { [client = UncheckedBox(client)] in
                    client.value.send(String(repeating: "GET / HTTP/1.1\r\nHost: h\r\n\r\n", count: count - 1))
                    client.value.send("GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                }
                return client.receiveAll()?.components(separatedBy: "HTTP/1.1 200 OK").count
            }
        }
        #expect(received == count + 1)
    }

    @Test func chunkedBodiesStreamsHeadAndVersion10() async throws {
        let handler: HTTPServer.Handler = { request, responder in
            guard request.path == "/stream" else { return echo(request, responder) }
            responder.beginStream(status: 200, headers: ["Content-Type": "text/plain", "X-Name": "a\r\nForged: b"])
            responder.write(Array("one".utf8))
            responder.write([])
            responder.write(Array("three".utf8))
            responder.end()
        }
        let stream = "/stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        let requests = [
            "POST /c HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            "GET " + stream, "HEAD " + stream,
            "GET /stream HTTP/1.0\r\n\r\n", "GET /x HTTP/1.0\r\n\r\n", "HEAD /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        ]
        let answers = try await withServer(handler: handler) { port, _ in
            try await RawClient.run {
                try requests.map { request in
                    let client = try RawClient(port: port)
                    client.send(request)
                    return client.receiveAll() ?? "reset"
                }
            }
        }
        #expect(answers[0].hasSuffix("POST /c abcde"))
        #expect(answers[1].hasSuffix("\r\n\r\n3\r\none\r\n5\r\nthree\r\n0\r\n\r\n"))
        #expect(answers[1].contains("Transfer-Encoding: chunked\r\n"))
        #expect(!answers[1].contains("\r\nForged:"))
        #expect(answers[2].hasSuffix("\r\n\r\n") && answers[2].contains("Transfer-Encoding: chunked"))
        #expect(answers[3].hasSuffix("\r\n\r\nonethree") && !answers[3].contains("chunked"))
        #expect(answers[4].hasSuffix("GET /x ") && answers[4].contains("Content-Length: 7\r\n"))
        #expect(answers[5].hasSuffix("\r\n\r\n") && answers[5].contains("Content-Length: 8\r\n"))
        for answer in answers {
            #expect(answer.contains("Date: ") && answer.contains(" GMT\r\n"))
            #expect(answer.contains("Connection: close\r\n"))
        }
    }

    @Test func version10KeepsTheConnectionOnlyWhenAsked() async throws {
        let text = try await withServer(handler: echo) { port, _ in
            try await RawClient.run {
                let client = try RawClient(port: port)
                client.send("GET /1 HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
                _ = client.receive(until: "GET /1 ")
                client.send("GET /2 HTTP/1.0\r\n\r\n")
                return client.receiveAll()
            }
        }
        #expect(text?.contains("Connection: keep-alive\r\n") == true)
        #expect(text?.hasSuffix("GET /2 ") == true)
    }

    @Test func continueIsSaidToThoseWhoWait() async throws {
        let text = try await withServer(handler: echo) { port, _ in
            try await RawClient.run {
                let client = try RawClient(port: port)
                client.send("POST /e HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
                guard client.receive(until: "100 Continue\r\n\r\n") != nil else { return String?.none }
                client.send("ok")
                return client.receive(until: "POST /e ok")
            }
        }
        #expect(text?.hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n") == true)
    }

    @Test func sixtyFourConnectionsAtOnceGetTheirOwnAnswers() async throws {
        let handler: HTTPServer.Handler = { request, responder in
            Task { @LoopActor in
                responder.beginStream(status: 200)
                for index in 0..<5 {
                    try? await Task.sleep(for: .milliseconds(5))
                    responder.write(Array("<\(request.path.dropFirst()):\(index)>".utf8))
                }
                responder.end()
            }
        }
        try await withServer(handler: handler) { port, _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<64 {
                    group.addTask {
                        let text = try await RawClient.run {
                            let client = try RawClient(port: port)
                            for _ in 0..<3 { client.send("GET /\(number) HTTP/1.1\r\nHost: h\r\n\r\n") }
                            return client.receive(until: "0\r\n\r\n", count: 3)
                        }
                        let words = try #require(text).components(separatedBy: "<\(number):").count - 1
                        #expect(words == 15)
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func handlersAnswerInMemoryAsOverASocket() async {
        let recorder = await HTTPResponseRecorder.answer(
            HTTPRequest(method: "POST", target: "/x%20y?q=1", body: Array("b".utf8)), by: echo)
        #expect(await recorder.status == 200)
        #expect(await recorder.body == Array("POST /x y b".utf8))
    }
}
