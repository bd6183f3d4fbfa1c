import HTTP
import Testing

@Suite struct ServerSentEventTests {
    private let events = [
        ServerSentEvent(data: "{\"a\":1}"), ServerSentEvent(data: "two\nlines", name: "delta", id: "7"),
        ServerSentEvent(data: ""), ServerSentEvent(data: "ends in a line\n"), ServerSentEvent(data: " naïve 🦙"),
    ]

    @Test func whatIsWrittenIsReadBackForEverySplit() throws {
        let bytes = events.flatMap(\.encoded) + ServerSentEvent.keepAlive
        // The id stays the last one seen, as the standard wants.
        let expected = events.map { ServerSentEvent(data: $0.data, name: $0.name, id: nil) }
        for split in 0...bytes.count {
            var parser = ServerSentEventParser()
            let read = try parser.append(bytes[..<split]) + parser.append(bytes[split...])
            #expect(read.map { ServerSentEvent(data: $0.data, name: $0.name, id: nil) } == expected)
            #expect(read[1].id == "7")
        }
    }

    @Test func everyLineEndIsTheSame() throws {
        for end in ["\n", "\r", "\r\n"] {
            var parser = ServerSentEventParser()
            let text = ["\u{FEFF}event: x", ": note", "data:a", "data: b", "retry: 5", "data", "", "data: c", "", "event: lost", ""]
            let read = try parser.append((text.joined(separator: end) + end).utf8)
            #expect(read == [ServerSentEvent(data: "a\nb\n", name: "x"), ServerSentEvent(data: "c")])
        }
    }

    @Test func lineEndsCannotForgeFields() {
        let event = ServerSentEvent(data: "x", name: "a\ndata: forged", id: "1\r2")
        #expect(String(decoding: event.encoded, as: UTF8.self) == "event: adata: forged\nid: 12\ndata: x\n\n")
    }

    @Test func endlessLinesAndEventsAreRefused() {
        var lines = ServerSentEventParser(maximumBytes: 64)
        #expect(throws: HTTPError.self) { try lines.append([UInt8](repeating: 0x61, count: 65)) }
        var data = ServerSentEventParser(maximumBytes: 64)
        #expect(throws: HTTPError.self) { try data.append(String(repeating: "data: 12345678\n", count: 9).utf8) }
    }
}
