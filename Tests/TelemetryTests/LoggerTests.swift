import Foundation
import Logging
import Testing

@testable import Telemetry

@Suite struct LoggerTests {
    private let sink = MemoryLogSink()
    private let clock = ManualClock(wallMilliseconds: 1_709_210_096_007)

    @Test func textLinesCarryTimeLevelAndFields() {
        var logger = Logger(threshold: .info, sink: sink, clock: clock)
        logger[metadataKey: "request"] = "r-1"
        logger.info("served", metadata: ["status": .integer(200), "seconds": .number(0.25), "stream": .flag(true), "reason": "two words", "empty": ""])
        #expect(sink.lines == [
            "2024-02-29T12:34:56.007Z info    served empty=\"\" reason=\"two words\" request=r-1 seconds=0.25 status=200 stream=true"
        ])
    }

    @Test func aFieldOfTheCallGoesBeforeOneOfTheLoggerAndListsAreText() {
        var logger = Logger(threshold: .debug, format: .json, sink: sink, clock: clock)
        logger[metadataKey: "a"] = "1"
        logger.critical("m", metadata: ["a": "2", "b": ["x", "y"]])
        #expect(sink.lines[0].hasSuffix("\"level\":\"critical\",\"message\":\"m\",\"a\":\"2\",\"b\":\"[\\\"x\\\", \\\"y\\\"]\"}"))
    }

    @Test func jsonLinesParseBackWhateverTheText() throws {
        let nasty = "a\"b\\c\nd\u{01}e\u{7F}🦙"
        Logger(threshold: .debug, format: .json, sink: sink, clock: clock).warning("\(nasty)", metadata: ["v": .string(nasty), "n": .number(.infinity)])
        let line = try #require(sink.lines.first)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["message"] as? String == nasty)
        #expect(object["v"] as? String == nasty)
        #expect(object["level"] as? String == "warning")
        #expect(object["n"] is NSNull)
    }

    @Test func noTextStartsALineOfItsOwn() {
        Logger(sink: sink, clock: clock).error("x\n2024 info forged", metadata: ["name": "a\r\nb"])
        #expect(sink.lines.first?.contains { $0.isNewline } == false)
    }

    @Test(arguments: LogThreshold.allCases) func onlyTheThresholdAndAboveIsEvaluatedAndWritten(_ threshold: LogThreshold) {
        var evaluated = 0
        func message() -> Logger.Message {
            evaluated += 1
            return "m"
        }
        let logger = Logger(threshold: threshold, sink: sink)
        logger.debug(message())
        logger.info(message())
        logger.warning(message())
        logger.error(message())
        let expected = [LogThreshold.debug: 4, .info: 3, .warning: 2, .error: 1, .off: 0][threshold]
        #expect(evaluated == expected)
        #expect(sink.lines.count == expected)
    }

    @Test func longTextIsCutAtACharacter() {
        let logger = Logger(sink: sink)
        logger.info("m", metadata: ["prompt": .string(String(repeating: "é", count: 10_000))])
        logger.info("m", metadata: ["prompt": .string("x" + String(repeating: "é", count: 10_000))])
        for line in sink.lines {
            #expect(line.utf8.count < LineLogHandler.maximumFieldBytes + 100)
            #expect(!line.contains("\u{FFFD}"))
            #expect(line.hasSuffix("é…"))
        }
    }

    @Test func timesBeforeAndAfter1970() {
        #expect(LogLine.timestamp(0) == "1970-01-01T00:00:00.000Z")
        #expect(LogLine.timestamp(-1) == "1969-12-31T23:59:59.999Z")
        #expect(LogLine.timestamp(951_782_400_000) == "2000-02-29T00:00:00.000Z")
        #expect(LogLine.timestamp(4_102_444_799_999) == "2099-12-31T23:59:59.999Z")
    }

    @Test func aReaderThatDoesNotReadStopsNoWriter() {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        let stuck = StandardErrorSink(descriptor: ends[1])
        let line = String(repeating: "x", count: 1000)
        for _ in 0..<2000 { stuck.write(line) }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        #expect(read(ends[0], &buffer, buffer.count) > 0)
        stuck.write("after")
        var rest = ""
        while !rest.contains("after\n") {
            let count = read(ends[0], &buffer, buffer.count)
            guard count > 0 else { break }
            rest += String(decoding: buffer[..<count], as: UTF8.self)
            stuck.write("more")
        }
        #expect(rest.contains("log lines were dropped"))
    }
}
