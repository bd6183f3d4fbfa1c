import Testing

@testable import HTTP

/// The connection's state without a socket: what it wants done, step by step.
@Suite struct ServerConnectionStateTests {
    private static func moment(_ milliseconds: UInt64) -> ServerConnectionState.Moment {
        ServerConnectionState.Moment(milliseconds: milliseconds, date: "D")
    }

    private func make(_ limits: HTTPLimits = HTTPLimits(), checksHeads: Bool = false) -> ServerConnectionState {
        ServerConnectionState(limits: limits, now: Self.moment(0), checksHeads: checksHeads) { error in ([:], Array("\(error.status)".utf8)) }
    }

    private func feed(_ state: inout ServerConnectionState, _ text: String, at milliseconds: UInt64 = 0) -> [String] {
        Array(text.utf8).withUnsafeBytes { names(state.receive($0, now: Self.moment(milliseconds))) }
    }

    private func names(_ actions: [ServerConnectionState.Action]) -> [String] {
        actions.map { action in
            switch action {
            case .send(let bytes): "send " + (String(decoding: bytes, as: UTF8.self).split(separator: "\r\n").first ?? "")
            case .check(let request): "check \(request.path) \(request.body.count)"
            case .handle(let request): "handle \(request.path)"
            case .answered: "answered"
            case .clientLeft: "left"
            case .pauseReading: "pause"
            case .resumeReading: "resume"
            case .linger: "linger"
            case .closeWhenSent: "closeWhenSent"
            case .close: "close"
            case .reset: "reset"
            }
        }
    }

    private let get = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
    private let now = ServerConnectionStateTests.moment(0)

    @Test func oneRequestIsAnsweredBeforeTheNextIsHandled() {
        var state = make()
        #expect(feed(&state, get + get) == ["handle /a"])
        #expect(feed(&state, get) == [])
        for _ in 0..<2 {
            #expect(names(state.respond(status: 200, headers: [:], body: [], now: now)) == ["send HTTP/1.1 200 OK", "answered"])
            #expect(names(state.proceed(now: now)) == ["handle /a"])
        }
        #expect(names(state.respond(status: 204, headers: [:], body: [1], now: now)) == ["send HTTP/1.1 204 No Content", "answered"])
        #expect(names(state.proceed(now: now)) == [])
        #expect(state.isIdle)
    }

    @Test func readingPausesPastThePipelineLimitAndResumes() {
        var limits = HTTPLimits()
        limits.pipelinedBytes = get.utf8.count * 2
        var state = make(limits)
        #expect(feed(&state, get + get + get) == ["handle /a"])
        #expect(feed(&state, "G") == ["pause"])
        #expect(feed(&state, "E") == [])
        _ = state.respond(status: 200, headers: [:], body: [], now: now)
        #expect(names(state.proceed(now: now)) == ["handle /a", "resume"])
    }

    @Test func aSecondAnswerAndWritesOutOfPlaceDoNothing() {
        var state = make()
        #expect(names(state.respond(status: 200, headers: [:], body: [], now: now)) == [])
        _ = feed(&state, get)
        #expect(names(state.write([1])) == [] && names(state.end()) == [])
        _ = state.beginStream(status: 200, headers: [:], now: now)
        #expect(names(state.beginStream(status: 200, headers: [:], now: now)) == [])
        #expect(names(state.respond(status: 500, headers: [:], body: [], now: now)) == [])
        #expect(names(state.end()) == ["send 0", "answered"])
        #expect(names(state.write([1])) == [] && names(state.end()) == [])
    }

    @Test func theEndOfInputMeansLeavingOnlyWhileAnAnswerIsDue() {
        var waiting = make()
        _ = feed(&waiting, get)
        #expect(names(waiting.receiveEnd()) == ["left", "close"])
        #expect(names(waiting.receiveEnd()) == [])

        var answered = make()
        _ = feed(&answered, get + get)
        _ = answered.respond(status: 200, headers: [:], body: [], now: now)
        #expect(names(answered.receiveEnd()) == [])
        #expect(names(answered.proceed(now: now)) == ["handle /a"])
        _ = answered.respond(status: 200, headers: [:], body: [], now: now)
        #expect(names(answered.proceed(now: now)) == ["closeWhenSent"])

        var idle = make()
        #expect(names(idle.receiveEnd()) == ["closeWhenSent"])
        var partial = make()
        _ = feed(&partial, "GET /")
        #expect(names(partial.receiveEnd()) == ["closeWhenSent"])
    }

    @Test func refusedInputLingersAndIsDropped() {
        var state = make()
        #expect(feed(&state, "GET / HTTP/9.9\r\n") == ["send HTTP/1.1 505 HTTP Version Not Supported", "linger"])
        #expect(feed(&state, get) == [])
        let limit = UInt64(HTTPLimits().lingerMilliseconds)
        #expect(names(state.tick(sent: 0, unsent: 0, now: Self.moment(limit - 1))) == [])
        // The answer is still on its way: lingering has not begun.
        #expect(names(state.tick(sent: 1, unsent: 9, now: Self.moment(limit))) == [])
        #expect(names(state.tick(sent: 10, unsent: 0, now: Self.moment(2 * limit - 1))) == [])
        #expect(names(state.tick(sent: 10, unsent: 0, now: Self.moment(2 * limit))) == ["close"])
    }

    @Test func timeLimitsHoldAtTheirEdges() {
        let limits = HTTPLimits()
        let header = UInt64(limits.headerTimeoutMilliseconds), body = UInt64(limits.bodyTimeoutMilliseconds)
        var slowHead = make()
        _ = feed(&slowHead, "G", at: 100)
        // Later bytes give no more time.
        _ = feed(&slowHead, "E", at: header)
        #expect(names(slowHead.tick(sent: 0, unsent: 0, now: Self.moment(header + 99))) == [])
        #expect(names(slowHead.tick(sent: 0, unsent: 0, now: Self.moment(header + 100))) == ["send HTTP/1.1 408 Request Timeout", "linger"])

        var slowBody = make()
        _ = feed(&slowBody, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na", at: 50)
        #expect(names(slowBody.tick(sent: 0, unsent: 0, now: Self.moment(body + 49))) == [])
        #expect(names(slowBody.tick(sent: 0, unsent: 0, now: Self.moment(body + 50))) == ["send HTTP/1.1 408 Request Timeout", "linger"])

        var silent = make()
        #expect(names(silent.tick(sent: 0, unsent: 0, now: Self.moment(header))) == ["closeWhenSent"])

        var long = make()
        _ = feed(&long, get)
        #expect(names(long.tick(sent: 0, unsent: 0, now: Self.moment(10_000_000))) == [])
    }

    @Test func aReaderWithoutProgressIsResetAndOneWithProgressIsNot() {
        let limit = UInt64(HTTPLimits().writeTimeoutMilliseconds)
        var state = make()
        _ = feed(&state, get)
        _ = state.beginStream(status: 200, headers: [:], now: now)
        #expect(names(state.tick(sent: 1, unsent: 50, now: Self.moment(limit - 1))) == [])
        #expect(names(state.tick(sent: 2, unsent: 50, now: Self.moment(2 * limit - 2))) == [])
        #expect(names(state.tick(sent: 2, unsent: 50, now: Self.moment(3 * limit - 3))) == [])
        #expect(names(state.tick(sent: 2, unsent: 50, now: Self.moment(3 * limit - 2))) == ["left", "reset"])
    }

    private func post(_ bytes: Int, _ path: String = "/a") -> String {
        "POST \(path) HTTP/1.1\r\nHost: h\r\nContent-Length: \(bytes)\r\n\r\n" + String(repeating: "x", count: bytes)
    }

    @Test func aLargeBodyWaitsForTheVerdictOnItsHeader() {
        var limits = HTTPLimits()
        limits.uncheckedBodyBytes = 10
        var state = make(limits, checksHeads: true)
        #expect(feed(&state, post(10)) == ["handle /a"])
        _ = state.respond(status: 200, headers: [:], body: [], now: now)
        _ = state.proceed(now: now)
        #expect(feed(&state, post(11) + get) == ["check /a 0"])
        #expect(state.bodyBytes == 0)
        #expect(names(state.admit(now: now)) == ["handle /a"])
        #expect(state.bodyBytes == 11)
        _ = state.respond(status: 200, headers: [:], body: [], now: now)
        #expect(state.bodyBytes == 0)
        #expect(names(state.proceed(now: now)) == ["handle /a"])
        _ = state.respond(status: 200, headers: [:], body: [], now: now)
        _ = state.proceed(now: now)

        #expect(feed(&state, "POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n") == ["check /b 0"])
        let answer = HTTPAnswer(status: 401, headers: ["X": "y"], body: [1])
        #expect(names(state.refuse(answer, now: now)) == ["send HTTP/1.1 401 Unauthorized", "linger"])
        #expect(names(state.admit(now: now)) == [])
        #expect(feed(&state, "a\r\n0\r\n\r\n" + get) == [])
    }

    @Test func continueIsSentOnlyAfterTheVerdict() {
        let head = "POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 99999\r\n\r\n"
        var state = make(checksHeads: true)
        #expect(feed(&state, head) == ["check /a 0"])
        #expect(names(state.admit(now: now)) == ["send HTTP/1.1 100 Continue"])
        var refused = make(checksHeads: true)
        _ = feed(&refused, head)
        #expect(names(refused.refuse(HTTPAnswer(status: 403), now: now)) == ["send HTTP/1.1 403 Forbidden", "linger"])
    }

    @Test func aBodyBeyondTheRoomOfAllIsRefusedAndSmallOnesAreNot() {
        var limits = HTTPLimits()
        limits.freeBodyBytes = 10
        func feed(_ state: inout ServerConnectionState, _ text: String, room: Int, at milliseconds: UInt64 = 0) -> [String] {
            var moment = Self.moment(milliseconds)
            moment.bodyRoom = room
            return Array(text.utf8).withUnsafeBytes { names(state.receive($0, now: moment)) }
        }
        var small = make(limits)
        #expect(feed(&small, post(10), room: -5) == ["handle /a"])
        var large = make(limits)
        #expect(feed(&large, post(11), room: 10) == ["send HTTP/1.1 503 Service Unavailable", "linger"])
        #expect(large.bodyBytes == 0)
        var counted = make(limits)
        let pieces = Array(post(30).utf8)
        // What the sum has already does not count again.
        #expect(feed(&counted, String(decoding: pieces.dropLast(10), as: UTF8.self), room: 20) == [])
        #expect(feed(&counted, String(repeating: "x", count: 10), room: 10) == ["handle /a"])
    }

    @Test func aBodyThatStopsGivesUpItsMemoryWhenOthersNeedIt() {
        var limits = HTTPLimits()
        limits.freeBodyBytes = 10
        let stalled = UInt64(limits.stalledBodyMilliseconds)
        func tick(_ state: inout ServerConnectionState, _ milliseconds: UInt64, room: Int) -> [String] {
            var moment = Self.moment(milliseconds)
            moment.bodyRoom = room
            return names(state.tick(sent: 0, unsent: 0, now: moment))
        }
        var state = make(limits)
        _ = feed(&state, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n\r\n01234567890", at: 100)
        #expect(tick(&state, 100 + stalled, room: 1) == [])
        #expect(tick(&state, 99 + stalled, room: 0) == [])
        #expect(tick(&state, 100 + stalled, room: 0) == ["send HTTP/1.1 408 Request Timeout", "linger"])
        #expect(state.bodyBytes == 0)
    }

    @Test func atTheEndARequestThatHasNotComeWholeGetsA503() {
        var state = make()
        _ = feed(&state, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n\r\n0")
        #expect(names(state.drain()) == [])
        #expect(names(state.endReceiving(now: now)) == ["send HTTP/1.1 503 Service Unavailable", "linger"])
        var silent = make()
        #expect(names(silent.endReceiving(now: now)) == ["closeWhenSent"])
        var handled = make()
        _ = feed(&handled, get)
        #expect(names(handled.endReceiving(now: now)) == [])
    }

    @Test func drainingEndsTheConnectionAfterItsAnswer() {
        var idle = make()
        #expect(names(idle.drain()) == ["closeWhenSent"])
        var state = make()
        _ = feed(&state, get + get)
        #expect(names(state.drain()) == [])
        _ = state.respond(status: 200, headers: [:], body: [], now: now)
        #expect(names(state.proceed(now: now)) == ["linger"])
    }
}
