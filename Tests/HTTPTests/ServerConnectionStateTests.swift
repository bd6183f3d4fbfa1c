import Testing

@testable import HTTP

/// The connection's state without a socket: what it wants done, step by step.
@Suite struct ServerConnectionStateTests {
    private static func moment(_ milliseconds: UInt64) -> ServerConnectionState.Moment {
        ServerConnectionState.Moment(milliseconds: milliseconds, date: "D")
    }

    private func make(_ limits: HTTPLimits = HTTPLimits()) -> ServerConnectionState {
        ServerConnectionState(limits: limits, now: Self.moment(0)) { error in ([:], Array("\(error.status)".utf8)) }
    }

    private func feed(_ state: inout ServerConnectionState, _ text: String, at milliseconds: UInt64 = 0) -> [String] {
        Array(text.utf8).withUnsafeBytes { names(state.receive($0, now: Self.moment(milliseconds))) }
    }

    private func names(_ actions: [ServerConnectionState.Action]) -> [String] {
        actions.map { action in
            switch action {
            case .send(let bytes): "send " + (String(decoding: bytes, as: UTF8.self).split(separator: "\r\n").first ?? "")
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
