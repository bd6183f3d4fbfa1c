import Foundation
import HTTP
import TestSupport
import Testing
import UV

/// What happened to a responder. Loop only.
@LoopActor
final class Outcome {
    var responder: HTTPResponder?
    var responders: [HTTPResponder] = []
    var left = 0
    var drained = 0
    var written = 0
    var requests = 0

    /// False when `patience` is over.
    func wait(_ condition: @LoopActor (Outcome) -> Bool) async throws -> Bool {
        let end = ContinuousClock.now + patience
        while !condition(self) {
            guard ContinuousClock.now < end else { return false }
            try await Task.sleep(for: .milliseconds(10))
        }
        return true
    }
}

@Suite struct HostileClientTests {
    @Test func aHundredMegabytesAreRefusedByTheirLengthAndTheAnswerArrives() async throws {
        let outcome = Outcome()
        let text = try await withServer(handler: { _, _ in outcome.requests += 1 }) { port, _ in
            try await RawClient.run {
                let client = try RawClient(port: port)
                client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 104857600\r\n\r\n")
                // The careless client sends on without a look at the answer.
                let block = [UInt8](repeating: 0x61, count: 1 << 20)
                for _ in 0..<100 where !client.send(block) { break }
                client.finishSending()
                return client.receiveAll()
            }
        }
        #expect(text?.hasPrefix("HTTP/1.1 413 Content Too Large\r\n") == true)
        #expect(text?.contains("Connection: close\r\n") == true)
        #expect(await outcome.requests == 0)
    }

    @Test func aByteNowAndThenEndsIn408() async throws {
        let head = "GET / HTTP/1.1\r\nHost: h\r\nX: "
        let body = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 400\r\n\r\n"
        var limits = HTTPLimits()
        limits.headerTimeoutMilliseconds = 3_000
        limits.bodyTimeoutMilliseconds = 3_000
        for (first, rest) in [(head, String(repeating: "y", count: 400)), (body, String(repeating: "x", count: 400))] {
            let text = try await withServer(limits: limits, handler: echo) { port, _ in
                try await RawClient.run {
                    let client = try RawClient(port: port)
                    client.send(first)
                    for byte in rest.utf8.dropLast() where !client.isReadable(withinMilliseconds: 80) {
                        guard client.send([byte]) else { break }
                    }
                    return client.receiveAll()
                }
            }
            #expect(text?.hasPrefix("HTTP/1.1 408 Request Timeout\r\n") == true)
        }
    }

    /// The limit is far above what a busy machine puts between accepting a connection and reading its request.
    @Test func silentConnectionsAreClosedWithoutAnAnswer() async throws {
        var limits = HTTPLimits()
        limits.idleTimeoutMilliseconds = 4_000
        let texts = try await withServer(limits: limits, handler: echo) { port, _ in
            try await RawClient.run {
                let silent = try RawClient(port: port)
                let idle = try RawClient(port: port)
                idle.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
                return [silent.receiveAll(), idle.receiveAll()]
            }
        }
        #expect(texts[0] == "")
        #expect(texts[1]?.hasSuffix("GET /a ") == true)
    }

    /// The loop runs timers before it reads sockets: after it was held up, it must read first.
    @Test func whatCameWhileTheLoopWasHeldUpIsAnsweredAndNotTooLate() async throws {
        var limits = HTTPLimits()
        limits.idleTimeoutMilliseconds = 1_200
        limits.headerTimeoutMilliseconds = 1_200
        let handler: HTTPServer.Handler = { request, responder in
            echo(request, responder)
            if request.path == "/held" { usleep(1_600_000) }
        }
        let text = try await withServer(limits: limits, handler: handler) { port, _ in
            try await RawClient.run {
                let client = try RawClient(port: port)
                client.send("GET /held HTTP/1.1\r\nHost: h\r\n\r\n")
                // The answer left before the loop was held up.
                _ = client.receive(until: "GET /held ")
                client.send("GET /next HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                return client.receiveAll()
            }
        }
        #expect(text?.hasSuffix("GET /next ") == true)
    }

    @Test func connectionsOverTheLimitGet503AndRoomComesBack() async throws {
        var limits = HTTPLimits()
        limits.connections = 2
        limits.lingerMilliseconds = 200
        try await withServer(limits: limits, handler: echo) { port, server in
            let refused = try await RawClient.run {
                let held = try (0..<2).map { _ in try RawClient(port: port) }
                for client in held {
                    client.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
                    _ = client.receive(until: "GET /a ")
                }
                let third = try RawClient(port: port)
                third.send("GET /b HTTP/1.1\r\nHost: h\r\n\r\n")
                return third.receiveAll()
            }
            #expect(try await Outcome().wait { _ in server.connectionCount == 0 })
            let later = try await RawClient.run {
                let fourth = try RawClient(port: port)
                fourth.send("GET /c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                return fourth.receiveAll()
            }
            #expect(refused?.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n") == true)
            #expect(later?.hasSuffix("GET /c ") == true)
        }
    }

    /// How a client goes while its answer is being made, though nothing is being written.
    @Test(arguments: ["close", "half-close", "close with much unread input"])
    func aClientThatLeavesIsNoticedThoughNothingIsWritten(how: String) async throws {
        let outcome = Outcome()
        let handler: HTTPServer.Handler = { _, responder in
            responder.beginStream(status: 200)
            responder.write(Array("first".utf8))
            responder.onClose = { outcome.left += 1 }
            outcome.responder = responder
        }
        try await withServer(handler: handler) { port, server in
            let kept = try await RawClient.run {
                let client = try RawClient(port: port)
                client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                _ = client.receive(until: "first")
                // More than the server holds: it has stopped reading, and sees the end all the same.
                if how.contains("unread") { client.send([UInt8](repeating: 0x41, count: 100_000)) }
                if how == "half-close" {
                    client.finishSending()
                    return UncheckedBox<RawClient?>(client)
                }
                return UncheckedBox(nil)
            }
            #expect(try await outcome.wait { $0.left == 1 })
            #expect(await outcome.responder?.isClosed == true)
            await outcome.responder?.write([1])
            await outcome.responder?.end()
            #expect(try await outcome.wait { _ in server.connectionCount == 0 })
            #expect(await outcome.left == 1)
            _ = kept
        }
    }

    @Test func aSlowReaderSlowsItsOwnStreamOnly() async throws {
        let outcome = Outcome()
        let total = 64 << 20
        let block = [UInt8](repeating: 0x62, count: 64 * 1024)
        let handler: HTTPServer.Handler = { request, responder in
            guard request.path == "/big" else { return echo(request, responder) }
            responder.beginStream(status: 200)
            let more: @LoopActor () -> Void = { [weak responder] in
                guard let responder else { return }
                while outcome.written < total, !responder.isSaturated {
                    responder.write(block)
                    outcome.written += block.count
                }
                if outcome.written >= total { responder.end() }
            }
            responder.onDrain = {
                outcome.drained += 1
                more()
            }
            outcome.responder = responder
            more()
        }
        try await withServer(handler: handler) { port, _ in
            let slow = try await RawClient.run {
                let client = try RawClient(port: port, receiveBufferBytes: 64 * 1024)
                client.send("GET /big HTTP/1.0\r\n\r\n")
                _ = client.receive(until: "\r\n\r\n")
                return UncheckedBox(client)
            }
            // The producer waits, though it could have written everything.
            #expect(try await outcome.wait { $0.responder?.isSaturated == true })
            #expect(await outcome.written < total)
            let other = try await RawClient.run {
                let client = try RawClient(port: port)
                client.send("GET /small HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                return client.receiveAll()
            }
            #expect(other?.hasSuffix("GET /small ") == true)
            let count = try await RawClient.run {
                _ = slow.value.receiveAll()
                return slow.value.received.count
            }
            #expect(count > total && count < total + 1000)
            #expect(await outcome.drained > 0)
        }
    }

    @Test func aReaderThatNeverReadsIsCutOff() async throws {
        var limits = HTTPLimits()
        limits.writeTimeoutMilliseconds = 300
        let outcome = Outcome()
        let handler: HTTPServer.Handler = { _, responder in
            responder.onClose = { outcome.left += 1 }
            responder.beginStream(status: 200)
            for _ in 0..<100 { responder.write([UInt8](repeating: 0x63, count: 64 * 1024)) }
            outcome.responder = responder
        }
        try await withServer(limits: limits, handler: handler) { port, server in
            let client = try await RawClient.run {
                let client = try RawClient(port: port, receiveBufferBytes: 16 * 1024)
                client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                return UncheckedBox(client)
            }
            #expect(try await outcome.wait { $0.left == 1 && server.connectionCount == 0 })
            _ = client
        }
    }

    @Test func aProducerThatNeverWaitsIsCutOff() async throws {
        var limits = HTTPLimits()
        limits.writeOverflowBytes = 1 << 20
        let outcome = Outcome()
        let handler: HTTPServer.Handler = { _, responder in
            responder.onClose = { outcome.left += 1 }
            responder.beginStream(status: 200)
            for _ in 0..<1000 where !responder.isClosed {
                responder.write([UInt8](repeating: 0x63, count: 64 * 1024))
                outcome.written += 1
            }
        }
        try await withServer(limits: limits, handler: handler) { port, _ in
            let client = try await RawClient.run {
                let client = try RawClient(port: port, receiveBufferBytes: 16 * 1024)
                client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                return UncheckedBox(client)
            }
            #expect(try await outcome.wait { $0.left == 1 })
            #expect(await outcome.written < 1000)
            _ = client
        }
    }

    @Test func drainFinishesWhatRunsAndClosesWhatIdles() async throws {
        let outcome = Outcome()
        let handler: HTTPServer.Handler = { request, responder in
            guard request.path == "/slow" else { return echo(request, responder) }
            responder.beginStream(status: 200)
            outcome.responder = responder
        }
        var limits = HTTPLimits()
        limits.lingerMilliseconds = 200
        try await withServer(limits: limits, handler: handler) { port, server in
            let (idle, running) = try await RawClient.run {
                let idle = try RawClient(port: port)
                idle.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
                _ = idle.receive(until: "GET /a ")
                let running = try RawClient(port: port)
                running.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
                _ = running.receive(until: "\r\n\r\n")
                return (UncheckedBox(idle), UncheckedBox(running))
            }
            let drained = Task { await server.drain(deadlineMilliseconds: 600_000) }
            let idleEnd = try await RawClient.run { idle.value.receiveAll() }
            #expect(idleEnd?.hasSuffix("GET /a ") == true)
            #expect(try await outcome.wait { _ in server.connectionCount == 1 })
            await #expect(throws: RawClient.Failure.self) { try await RawClient.run { _ = try RawClient(port: port) } }
            await outcome.responder?.write(Array("late".utf8))
            await outcome.responder?.end()
            let text = try await RawClient.run { running.value.receiveAll() }
            #expect(text?.hasSuffix("4\r\nlate\r\n0\r\n\r\n") == true)
            await drained.value
            #expect(await server.connectionCount == 0)
        }
    }

    @Test func aHundredUnfinishedBodiesTakeNoMoreThanTheSumAndAWrongKeyKeepsNone() async throws {
        let outcome = Outcome()
        var limits = HTTPLimits()
        limits.bodyBytes = 1 << 20
        limits.allBodiesBytes = 4 << 20
        limits.stalledBodyMilliseconds = 600_000
        let check: HTTPServer.HeadCheck = { head in head.headers["Key"] == "good" ? nil : HTTPAnswer(status: 401) }
        let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1048576\r\n"
        let block = [UInt8](repeating: 0x61, count: (1 << 20) - 1)
        try await withServer(limits: limits, headCheck: check, handler: { _, _ in outcome.requests += 1 }) { port, server in
            let (clients, refused) = try await RawClient.run {
                var (held, refused): ([RawClient], [String]) = ([], [])
                for _ in 0..<20 {
                    let client = try RawClient(port: port)
                    client.send("\(head)Key: good\r\n\r\n")
                    client.send(block)
                    held.append(client)
                }
                for _ in 0..<5 {
                    let client = try RawClient(port: port)
                    client.send("\(head)Key: bad\r\n\r\n")
                    client.send(block)
                    client.finishSending()
                    refused.append(client.receiveAll() ?? "reset")
                }
                return (UncheckedBox(held), refused)
            }
            #expect(refused.allSatisfy { $0.hasPrefix("HTTP/1.1 401 ") })
            // Each read may overshoot by the size of the loop's buffer.
            let wait = try await outcome.wait { _ in server.heldBodyBytes > 3 << 20 }
            #expect(wait)
            #expect(await server.heldBodyBytes <= 4 << 20)
            let answers = try await RawClient.run {
                clients.value.map { client -> String in
                    client.finishSending()
                    return client.receiveAll() ?? "reset"
                }
            }
            #expect(answers.count { $0.hasPrefix("HTTP/1.1 503 ") } >= 15)
            let released = try await outcome.wait { _ in server.heldBodyBytes == 0 }
            #expect(released)
        }
        #expect(await outcome.requests == 0)
    }

    @Test func atTheDeadlineRunningAnswersMayEndInOrder() async throws {
        let outcome = Outcome()
        let handler: HTTPServer.Handler = { request, responder in
            if request.path == "/stream" { responder.beginStream(status: 200) }
            outcome.requests += 1
            outcome.responders.append(responder)
        }
        try await withServer(handler: handler) { port, server in
            let (stream, whole, partial) = try await RawClient.run {
                let clients = try (0..<3).map { _ in try RawClient(port: port) }
                clients[0].send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n")
                clients[1].send("GET /whole HTTP/1.1\r\nHost: h\r\n\r\n")
                clients[2].send("POST /partial HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabc")
                _ = clients[0].receive(until: "\r\n\r\n")
                return (UncheckedBox(clients[0]), UncheckedBox(clients[1]), UncheckedBox(clients[2]))
            }
            let arrived = try await outcome.wait { $0.requests == 2 && server.connectionCount == 3 }
            #expect(arrived)
            let drained = Task {
                await server.drain(deadlineMilliseconds: 300, graceMilliseconds: 600_000) {
                    for responder in outcome.responders {
                        responder.respond(status: 503)
                        responder.write(Array("error".utf8))
                        responder.end()
                    }
                }
            }
            let texts = try await RawClient.run {
                [stream, whole, partial].map { client -> String in
                    let text = client.value.receiveAll() ?? "reset"
                    client.value.finishSending()
                    return text
                }
            }
            #expect(texts[0].hasSuffix("5\r\nerror\r\n0\r\n\r\n"))
            #expect(texts[1].hasPrefix("HTTP/1.1 503 "))
            #expect(texts[2].hasPrefix("HTTP/1.1 503 "))
            await drained.value
        }
    }

    @Test func drainCutsOffAtItsDeadline() async throws {
        let outcome = Outcome()
        let handler: HTTPServer.Handler = { _, responder in
            responder.beginStream(status: 200)
            responder.onClose = { outcome.left += 1 }
            outcome.responder = responder
        }
        try await withServer(handler: handler) { port, server in
            let client = try await RawClient.run {
                let client = try RawClient(port: port)
                client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                _ = client.receive(until: "\r\n\r\n")
                return UncheckedBox(client)
            }
            await server.drain(deadlineMilliseconds: 100)
            #expect(await outcome.left == 1)
            _ = client
        }
    }
}
