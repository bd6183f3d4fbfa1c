@testable import Hub
import Testing

/// The parts of the protocol that need no connection.
@Suite struct ProtocolTests {
    private func head(_ lines: String...) -> HubResponseHead {
        var head = HubResponseHead()
        for line in lines { head.add(line: line + "\r\n") }
        return head
    }

    @Test func theLastAnswerOfSeveralCounts() {
        let head = head("HTTP/1.1 103 Early Hints", "Link: </a>; rel=preload", "", "HTTP/2 200", "ETag: W/\"abc\"", "x-linked-size: 12", "X-Empty:")
        #expect(head.status == 200 && head["link"] == nil && head.tag("etag") == "abc" && head.size("x-linked-size") == 12 && head["x-empty"] == nil)
    }

    @Test(arguments: [("\"abc\"", "abc"), ("W/\"abc\"", "abc"), ("abc", "abc"), ("\"W/abc\"", "W/abc")])
    func anEntityTagLosesItsWrapping(text: String, tag: String) {
        #expect(head("HTTP/1.1 200 OK", "ETag: \(text)").tag("etag") == tag)
    }

    @Test func theNextPageIsFoundAmongLinks() {
        #expect(head("HTTP/1.1 200 OK", "Link: <https://h/a?b=1>; rel=\"prev\", <https://h/a?c=2>; rel=\"next\"").nextPage == "https://h/a?c=2")
        #expect(head("HTTP/1.1 200 OK", "Link: <https://h/a>; rel=\"last\"").nextPage == nil)
        #expect(head("HTTP/1.1 200 OK", "Link: https://h/a; rel=next").nextPage == nil)
    }

    @Test func aRangeSaysWhereItStarts() {
        #expect(head("HTTP/1.1 206 -", "Content-Range: bytes 5-9/10").range?.start == 5)
        #expect(head("HTTP/1.1 206 -", "Content-Range: bytes 5-9/10").range?.whole == 10)
        #expect(head("HTTP/1.1 206 -", "Content-Range: bytes 5-9/*").range?.whole == nil)
        #expect(head("HTTP/1.1 206 -", "Content-Range: lines 5").range == nil)
    }

    @Test func theTokenIsForTheSameHostAndPortOnly() throws {
        let hub = try #require(HubURL("https://hub.example/mirror"))
        for (location, isSame) in [
            ("/a", true), ("https://HUB.example:443/a", true), ("https://hub.example:8443/a", false), ("http://hub.example/a", false),
            ("https://cdn.example/a", false), ("https://hub.example.evil.org/", false), ("//cdn.example/x", false), ("b?c", true),
        ] {
            #expect(hub.following(location)?.isSameOrigin(as: hub) == isSame, "\(location)")
        }
        let plain = try #require(HubURL("http://hub.example"))
        #expect(try #require(HubURL("https://hub.example/x")).isSameOrigin(as: plain), "more protection on the usual ports")
        for location in ["file:///etc/passwd", "ftp://hub/x", "https://a b", "gopher://x"] { #expect(hub.following(location) == nil) }
        #expect(HubURL.escaped(path: "a b/ü#?.json") == "a%20b/%C3%BC%23%3F.json" && HubURL.escaped("refs/pr/1") == "refs%2Fpr%2F1")
    }

    @Test(arguments: [
        ("http://127.0.0.1:80", true), ("http://localhost/x", true), ("http://[::1]:9/", true), ("http://127.evil.org", false), ("http://10.0.0.1", false),
    ])
    func thisMachineIsAskedWithoutAProxy(address: String, isLoopback: Bool) {
        #expect(HubURL(address)?.isLoopback == isLoopback)
    }

    @Test func waitsDoubleAndEndAndAServersWishIsHeard() throws {
        var limits = HubLimits()
        limits.attempts = 4
        let failure = TransferFailure(kind: .passing(), error: HubError(.server, "no"))
        var plan = RetryPlan(limits)
        #expect(try (0..<3).map { _ in try plan.wait(after: failure) } == [1_000, 2_000, 4_000])
        #expect(throws: HubError.self) { try plan.wait(after: failure) }
        plan.noteProgress()
        #expect(try plan.wait(after: TransferFailure(kind: .passing(retryAfterMilliseconds: 7_000), error: failure.error)) == 7_000)
        let late = try #require(throws: HubError.self) {
            try plan.wait(after: TransferFailure(kind: .passing(retryAfterMilliseconds: 3_600_000), error: failure.error))
        }
        #expect(late.message.contains("3600 s"))
        #expect(throws: HubError.self) { try plan.wait(after: .lasting(failure.error)) }
    }

    @Test(arguments: [
        ("*.json", "sub/a.json", true), ("*.json", "a.jsonl", false), ("model-?.gguf", "model-1.gguf", true), ("[a-c]x", "bx", true), ("[!a-c]x", "bx", false),
        ("a*b*c", "aXbXbc", true), ("a*b*c", "aXbX", false), ("sub/", "sub/deep/x", true), ("", "", true), ("[", "[", true), ("**", "", true), ("é*", "é1", true),
    ])
    func patternsMatchNames(pattern: String, name: String, matches: Bool) {
        #expect(NamePattern(pattern).matches(name) == matches)
    }

    @Test func aPatternOfManyStarsIsNoExponentialWork() {
        #expect(!NamePattern(String(repeating: "*a", count: 200)).matches(String(repeating: "a", count: 190) + "b"))
    }
}
