import Generation
import JSON
import Testing

@testable import Inference

/// A text that a model writes, and what a client is to get of it.
struct ReadCase: Sendable, CustomTestStringConvertible {
    var format: CallFormat?
    var text: String
    var content = ""
    var reasoning = ""
    /// Names and arguments.
    var calls: [(String, String)] = []
    var change: @Sendable (inout AnswerReading) -> Void = { _ in }

    var testDescription: String { "\(format.map { "\($0)" } ?? "text"): \(text)" }

    var reading: AnswerReading {
        var reading = AnswerReading()
        reading.format = format
        reading.functions = [
            ToolFunction(
                name: "weather",
                parameters: [
                    "type": "object",
                    "properties": [
                        "city": ["type": "string"], "days": ["type": "integer"], "exact": ["type": "boolean"], "tags": ["type": "array"],
                        "either": ["type": ["string", "null"]],
                    ],
                ]), ToolFunction(name: "time"), ToolFunction(name: "get.all-x"),
        ]
        change(&reading)
        return reading
    }
}

@Suite("Answer reader")
struct AnswerReaderTests {
    /// What the pieces say together.
    private struct Found: Equatable {
        var content = ""
        var reasoning = ""
        var calls: [[String]] = []
        var order = ""

        mutating func add(_ piece: AnswerPiece) {
            switch piece {
            case .text(let text):
                content += text
                note("t")
            case .reasoning(let text):
                reasoning += text
                note("r")
            case .call(let part) where part.id != nil:
                #expect(part.index == calls.count && part.arguments.isEmpty && part.name != nil)
                calls.append([part.name ?? "", ""])
                order += "c"
            case .call(let part):
                #expect(part.index == calls.count - 1 && part.name == nil && !part.arguments.isEmpty)
                if !calls.isEmpty { calls[calls.count - 1][1] += part.arguments }
            }
        }

        private mutating func note(_ kind: Character) {
            if order.last != kind { order.append(kind) }
        }
    }

    private func read(_ pieces: [String], _ reading: AnswerReading) -> Found {
        var reader = AnswerReader(reading, makeIdentity: { "id" })
        var found = Found()
        for piece in pieces { for part in reader.append(piece) { found.add(part) } }
        for part in reader.finish() { found.add(part) }
        return found
    }

    @Test("text, thinking and calls are told apart in every format, however the text is cut", arguments: readCases)
    func reads(_ given: ReadCase) {
        let reading = given.reading
        let whole = read([given.text], reading)
        #expect(whole.content == given.content)
        #expect(whole.reasoning == given.reasoning)
        #expect(whole.calls == given.calls.map { [$0.0, $0.1] })
        let scalars = given.text.unicodeScalars.map { String($0) }
        #expect(read(scalars, reading) == whole)
        for cut in scalars.indices.dropFirst() {
            let pieces = [scalars[..<cut].joined(), scalars[cut...].joined()]
            #expect(read(pieces, reading) == whole, "cut after \(pieces[0])")
        }
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<20 {
            var pieces = [""]
            for scalar in scalars {
                if Int.random(in: 0..<3, using: &generator) == 0 { pieces.append("") }
                pieces[pieces.count - 1] += scalar
            }
            #expect(read(pieces, reading) == whole)
        }
    }

    @Test("arguments arrive as they are written, and only what may be a mark is held back")
    func streams() {
        var reading = ReadCase(format: .hermes, text: "").reading
        reading.thinking = ThinkingMarks(open: "<think>", close: "</think>")
        var reader = AnswerReader(reading, makeIdentity: { "id" })
        #expect(reader.append("<think>a b") == [.reasoning("a b")])
        #expect(reader.append(" </") == [])
        #expect(reader.append("x") == [.reasoning(" </x")])
        #expect(reader.append("</think>\n\nHi") == [.text("Hi")])
        #expect(reader.append(" <tool") == [.text(" ")])
        #expect(reader.append("box") == [.text("<toolbox")])
        #expect(reader.append("<tool_call>{\"name\": \"weather\"") == [])
        #expect(reader.append(", \"arguments\": {\"city\"") == [
            .call(ToolCallPart(index: 0, id: "id", name: "weather")), .call(ToolCallPart(index: 0, arguments: "{\"city\"")),
        ])
        #expect(reader.append(": \"é") == [.call(ToolCallPart(index: 0, arguments: ": \"é"))])
        #expect(reader.append("\"}}</tool_call>") == [.call(ToolCallPart(index: 0, arguments: "\"}"))])
        #expect(!reader.isDone)
    }

    @Test("one call ends the answer where only one is wanted")
    func single() {
        var reading = ReadCase(format: .hermes, text: "").reading
        reading.isParallel = false
        var reader = AnswerReader(reading)
        let call = "<tool_call>{\"name\": \"time\"}</tool_call>"
        let pieces = reader.append(call + call + "more") + reader.finish()
        #expect(reader.isDone)
        #expect(pieces.count == 2)
    }

    @Test("identities are OpenAI's, or short ones for Mistral, and those of other servers become short ones that stay the same")
    func identities() {
        func identity(_ format: CallFormat, _ text: String) -> String? {
            var reader = AnswerReader(ReadCase(format: format, text: "").reading)
            guard case .call(let part)? = reader.append(text).first else { return nil }
            return part.id
        }
        let usual = identity(.hermes, "<tool_call>{\"name\": \"time\", \"arguments\": {}}")
        #expect(usual?.wholeMatch(of: /call_[A-Za-z0-9]{24}/) != nil)
        #expect(identity(.mistral, "[TOOL_CALLS][{\"name\": \"time\", \"arguments\": {}}]")?.wholeMatch(of: /[A-Za-z0-9]{9}/) != nil)
        #expect(CallIdentity.shortened("abcDEF123") == "abcDEF123")
        #expect(CallIdentity.shortened("call_1").wholeMatch(of: /[A-Za-z0-9]{9}/) != nil)
        #expect(CallIdentity.shortened("call_1") == CallIdentity.shortened("call_1"))
        #expect(CallIdentity.shortened("call_1") != CallIdentity.shortened("call_2"))
    }

    @Test("hostile texts end, without much work")
    func hostile() {
        let reading = ReadCase(format: .hermes, text: "").reading
        let texts = [
            String(repeating: "<tool_call>", count: 5_000), String(repeating: "<tool_call>{\"name\": \"", count: 2_000),
            "<tool_call>{\"arguments\": " + String(repeating: "{\"a\":", count: 30_000),
            "<tool_call>{\"name\": \"time\", \"arguments\": " + String(repeating: "[", count: 10_000),
            "<tool_call>{\"arguments\": {\"a\": \"" + String(repeating: "x", count: 200_000) + "\"}, \"name\": \"time\"}",
        ]
        for text in texts { #expect(read([text], reading).content == text) }
        let deep = "[weather(tags=" + String(repeating: "[", count: 5_000) + String(repeating: "]", count: 5_000) + ")]"
        #expect(read([deep], ReadCase(format: .pythonic, text: "").reading).content == deep)
        let many = String(repeating: "<tool_call>{\"name\": \"time\"}</tool_call>", count: 200)
        #expect(read([many], reading).calls.count == CallSink.mostCalls)
    }
}
