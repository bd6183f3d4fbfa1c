import Testing

@testable import HTTP

@Suite struct RequestParserTests {
    /// Requests of every kind, one after another.
    static let pipelined = [
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "\r\nPOST /v1/a%20b/./../c?x=1&y=%C3%A9+z HTTP/1.1\r\nhost:h\r\nContent-Length:  5 \r\nX-Empty:\r\n\r\nhello",
        "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n5;a=\"b\"\r\nhel\r\n\r\n00A\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n",
        "HEAD http://h/abs HTTP/1.0\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\nX: \u{FC}\tb\r\n\r\n",
    ].joined()

    @Test func everySplitInTwoGivesTheSameRequests() {
        let bytes = Array(Self.pipelined.utf8)
        let whole = Parsed([bytes[...]])
        #expect(whole.error == nil)
        #expect(whole.requests == [
            "GET / ? http11 [Host=h] ",
            "POST /v1/c ?x=1&y=é z http11 [host=h;Content-Length=5;X-Empty=] hello",
            "POST /c ? http11 [Host=h;Transfer-Encoding=Chunked] hel\r\n0123456789",
            "HEAD /abs ? http10 [] ",
            "OPTIONS * ? http11 [Host=[::1]:80;X=ü\tb] ",
        ])
        for split in 0...bytes.count { #expect(Parsed([bytes[..<split], bytes[split...]]) == whole) }
        #expect(Parsed(bytes.indices.map { bytes[$0...$0] }) == whole)
    }

    @Test func randomSplitsGiveTheSameRequests() {
        let bytes = Array(Self.pipelined.utf8)
        let whole = Parsed([bytes[...]])
        var random = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            var pieces: [ArraySlice<UInt8>] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                pieces.append(rest.prefix(Int.random(in: 1...40, using: &random)))
                rest = rest.dropFirst(pieces[pieces.count - 1].count)
            }
            #expect(Parsed(pieces) == whole, "pieces of \(pieces.map(\.count))")
        }
    }

    /// Bytes that no reader should guess about, and the status that refuses them.
    static let hostile: [(status: Int, text: String)] = [
        (400, "GET / HTTP/1.1\nHost: h\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: h\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: h\r\n\n"),
        (400, "GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n"),
        (400, "GET  / HTTP/1.1\r\nHost: h\r\n\r\n"),
        (400, "GET / HTTP/1.1 \r\nHost: h\r\n\r\n"),
        (400, "GET /\r\nHost: h\r\n\r\n"),
        (400, " GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
        (400, "\u{16}\u{03}\u{01}\u{02}"),
        (400, "G@T / HTTP/1.1\r\nHost: h\r\n\r\n"),
        (400, "GET x HTTP/1.1\r\nHost: h\r\n\r\n"),
        (400, "GET * HTTP/1.1\r\nHost: h\r\n\r\n"),
        (400, "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n"),
        (400, "GET /\u{E9} HTTP/1.1\r\nHost: h\r\n\r\n"),
        (400, "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n"),
        (400, "GET /%4 HTTP/1.1\r\nHost: h\r\n\r\n"),
        (400, "GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n"),
        (400, "GET /%ff HTTP/1.1\r\nHost: h\r\n\r\n"),
        (400, "GET /../etc/passwd HTTP/1.1\r\nHost: h\r\n\r\n"),
        (400, "GET /a/%2e%2e/%2E%2e/b HTTP/1.1\r\nHost: h\r\n\r\n"),
        (400, "GET / HTTP/11\r\nHost: h\r\n\r\n"),
        (400, "GET / http/1.1\r\nHost: h\r\n\r\n"),
        (505, "GET / HTTP/1.2\r\nHost: h\r\n\r\n"),
        (505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost : h\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\n: h\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: h\r\nA(b: c\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n folded\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\n Host: h\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: h\r\nA: b\u{00}c\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: h\r\nA: b\u{7F}\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 3\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x3\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1 2\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n"),
        (413, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
        (501, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
        (501, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n"),
        (501, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"),
        (400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (417, "POST / HTTP/1.1\r\nHost: h\r\nExpect: tea\r\nContent-Length: 1\r\n\r\n"),
    ]

    static let hostileChunks: [(status: Int, text: String)] = [
        (400, "\r\n"), (400, "x\r\n"), (400, "-1\r\n"), (400, "0x5\r\n"), (400, "5 \r\nhello\r\n"), (400, " 5\r\n"), (400, "5\nhello"),
        (400, "5;a\u{01}\r\n"), (400, "5\r\nhelloX\r\n"), (400, "5\r\nhello\n0\r\n\r\n"), (400, "5\r\nhelloworld"), (400, "0\r\nbad trailer\r\n\r\n"),
        (400, "0\r\n\n"), (413, "ffffffffffffffff\r\n"), (413, "7fffffffffffffff\r\n"), (413, "fffffffffffffffffffffffff\r\n"),
        (400, "5;" + String(repeating: "x", count: 300)), (431, "0\r\nA: " + String(repeating: "x", count: 40_000)),
    ]

    @Test func hostileBytesAreRefusedWhereverTheyAreSplit() {
        let chunked = Self.hostileChunks.map { chunk in
            (status: chunk.status, text: "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk.text)
        }
        for (status, text) in Self.hostile + chunked {
            let bytes = Array(text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) })
            let whole = Parsed([bytes[...]])
            #expect(whole.error?.status == status, "\(text.prefix(200).debugDescription): \(String(describing: whole.error))")
            #expect(whole.requests.isEmpty)
            guard bytes.count < 1000 else { continue }
            for split in 0...bytes.count { #expect(Parsed([bytes[..<split], bytes[split...]]) == whole) }
            #expect(Parsed(bytes.indices.map { bytes[$0...$0] }) == whole)
        }
    }

    @Test(arguments: [
        ("/v1/adapters/bash%2f..%2Fsql", "/v1/adapters/bash%2F..%2Fsql"), ("/a/..%2fb", "/a/..%2Fb"), ("/a%2Fb/%2e%2e/c", "/c"),
        ("/a?path=b%2Fc", "/a"),
    ])
    func anEncodedSlashDividesNoSegments(target: String, path: String) throws {
        let parsed = Parsed("GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(parsed.error == nil)
        #expect(try #require(parsed.requests.first).hasPrefix("GET \(path) ?"))
        #expect(parsed.requests.first?.contains("path=b/c") == target.contains("?"))
    }

    @Test func equalLengthsSaidTwiceAreOneLength() {
        let parsed = Parsed("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab")
        #expect(parsed.error == nil)
        #expect(parsed.requests.count == 1)
    }

    @Test func headersAreTakenUpToTheirLimitAndNotAByteMore() {
        let head = "GET / HTTP/1.1\r\nHost: h\r\nX: yyyy\r\n\r\n"
        var limits = HTTPLimits()
        limits.headerBytes = head.utf8.count
        #expect(Parsed(head, limits: limits).requests.count == 1)
        limits.headerBytes -= 1
        #expect(Parsed(head, limits: limits).error?.code == .headersTooLarge)
        limits.headerBytes = 16
        #expect(Parsed("GET / HTTP/1.1\r\n", limits: limits).error == nil)
        #expect(Parsed("GET /x HTTP/1.1\r\n", limits: limits).error?.code == .targetTooLong)
        #expect(Parsed("GET /endless/without/a/line/end", limits: limits).error?.code == .targetTooLong)

        limits = HTTPLimits()
        limits.headerFields = 2
        #expect(Parsed("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n", limits: limits).requests.count == 1)
        #expect(Parsed("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\nC: d\r\n\r\n", limits: limits).error?.code == .headersTooLarge)
    }

    @Test func bodiesAreTakenUpToTheirLimitAndNotAByteMore() {
        var limits = HTTPLimits()
        limits.bodyBytes = 5
        let start = "POST / HTTP/1.1\r\nHost: h\r\n"
        #expect(Parsed(start + "Content-Length: 5\r\n\r\nhello", limits: limits).requests.count == 1)
        #expect(Parsed(start + "Content-Length: 6\r\n\r\n", limits: limits).error?.code == .contentTooLarge)
        let chunked = start + "Transfer-Encoding: chunked\r\n\r\n"
        #expect(Parsed(chunked + "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", limits: limits).requests.count == 1)
        #expect(Parsed(chunked + "3\r\nhel\r\n3\r\n", limits: limits).error?.code == .contentTooLarge)
    }

    @Test func randomBytesNeverTrapAndNeverDependOnTheirSplit() {
        var random = SystemRandomNumberGenerator()
        let source = Array(Self.pipelined.utf8)
        for _ in 0..<2000 {
            var bytes = source
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let split = Int.random(in: 0...bytes.count, using: &random)
            #expect(Parsed([bytes[...]]) == Parsed([bytes[..<split], bytes[split...]]), "\(bytes) at \(split)")
        }
    }
}
