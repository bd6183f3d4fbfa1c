import Generation
import Grammars
import JSON
import Testing

@testable import Inference

/// What the grammar of calls allows is what the reader reads.
@Suite("Call grammar")
struct CallGrammarTests {
    private static let functions = [
        ToolFunction(
            name: "weather",
            parameters: [
                "type": "object",
                "properties": [
                    "city": ["type": "string", "enum": ["Rome", "Oslo"]], "days": ["type": "integer", "minimum": 1, "maximum": 20],
                    "exact": ["type": "boolean"],
                ], "required": ["city"],
            ]), ToolFunction(name: "time"),
    ]

    private func reading(_ format: CallFormat?, _ change: (inout AnswerReading) -> Void = { _ in }) -> AnswerReading {
        var reading = AnswerReading()
        reading.format = format
        reading.functions = format == nil ? [] : Self.functions
        change(&reading)
        return reading
    }

    private func grammar(
        _ reading: AnswerReading, _ mode: ToolChoice.Mode = .required, format: AnswerFormat? = nil
    ) throws -> Grammar {
        var request = GenerationRequest(id: "a", prompt: .chat([], tools: reading.functions))
        request.toolChoice.mode = mode
        request.format = format
        let calls = try #require(CallGrammar(reading, request, ToyTokenizer()))
        var builder = GrammarBuilder()
        let root = try calls.root(&builder)
        return try builder.grammar(root)
    }

    @Test("whatever a required call may be is read as calls alone, in every format", arguments: CallFormat.allCases)
    func agrees(format: CallFormat) throws {
        let reading = reading(format) { $0.isTriggered = format == .recipients }
        let tokenizer = ToyTokenizer()
        let vocabulary = TokenVocabulary(count: 256, bytes: tokenizer.bytes(of:), isSpecial: tokenizer.isSpecial)
        let matcher = GrammarMatcher(try grammar(reading), vocabulary)
        var generator = SeededGenerator(seed: 3)
        for round in 0..<40 {
            var state = matcher.start
            var bytes: [UInt8] = []
            while bytes.count < 4_000 {
                if state.isComplete() || state.isAccepting() && Int.random(in: 0..<3, using: &generator) > 0 { break }
                var logits = [Float](repeating: 0, count: 256)
                let mask = state.mask()
                logits.withUnsafeMutableBufferPointer { mask?.restrict($0, more: []) }
                let allowed = logits.indices.filter { logits[$0] == 0 }
                let byte = try #require(allowed.randomElement(using: &generator))
                let isTaken = state.advance(Int32(byte))
                #expect(isTaken)
                bytes.append(UInt8(byte))
            }
            let text = String(decoding: bytes, as: UTF8.self)
            var reader = AnswerReader(reading, makeIdentity: { "id" })
            let pieces = reader.append(text) + reader.finish()
            var arguments: [String] = []
            for piece in pieces {
                guard case .call(let part) = piece else {
                    Issue.record("round \(round): \(piece) in \(text)")
                    continue
                }
                if part.id != nil { arguments.append("") } else { arguments[part.index] += part.arguments }
            }
            #expect(!arguments.isEmpty, "\(text)")
            for text in arguments {
                let object = try JSONValue.parse(text).objectValue
                #expect(object != nil)
            }
        }
    }

    @Test("a call is free where the model decides, and whole once it has begun")
    func automatic() throws {
        let grammar = try grammar(reading(.hermes), .automatic)
        #expect(grammar.matches("Hello <tool>."))
        #expect(grammar.matches(""))
        let call = "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Rome\"}}\n</tool_call>"
        #expect(grammar.matches("I look. " + call) && grammar.matches(call + "\n" + call))
        #expect(!grammar.matches(call + " more"))
        #expect(!grammar.begins("<tool_call>\n{\"name\": \"other".utf8))
        #expect(!grammar.begins("<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Par".utf8))
        #expect(!grammar.matches("<tool_call>"))
    }

    @Test("one call is all where only one is wanted")
    func single() throws {
        let grammar = try grammar(reading(.hermes) { $0.isParallel = false })
        let call = "<tool_call>\n{\"name\": \"time\", \"arguments\": {}}\n</tool_call>"
        #expect(grammar.matches(call) && !grammar.begins((call + "\n<").utf8))
    }

    @Test("with a form of the answer, the answer is that or calls")
    func withFormat() throws {
        let grammar = try grammar(reading(.hermes), .automatic, format: AnswerFormat(.choice(["yes", "no"]), field: "guided_choice"))
        #expect(grammar.matches("yes") && grammar.matches("<tool_call>\n{\"name\": \"time\", \"arguments\": {}}\n</tool_call>"))
        #expect(!grammar.begins("maybe".utf8))
    }

    @Test("the form begins after the thinking")
    func thinking() throws {
        let form = AnswerFormat(.choice(["yes"]), field: "guided_choice")
        let marks = ThinkingMarks(open: "<think>", close: "</think>")
        let opened = try grammar(reading(nil) { ($0.thinking, $0.isThinking) = (marks, true) }, .automatic, format: form)
        #expect(opened.matches("let me\n</think>\n\nyes") && !opened.matches("yes") && !opened.matches("let me"))
        let free = try grammar(reading(nil) { $0.thinking = marks }, .automatic, format: form)
        #expect(free.matches("<think>a</think>yes") && free.matches("yes") && !free.begins("n".utf8))
        let over = try grammar(reading(nil) { ($0.thinking, $0.isThinkingOver) = (marks, true) }, .automatic, format: form)
        #expect(over.matches("yes") && !over.begins("<".utf8))
    }

    @Test("an answer without functions does not begin a call")
    func forbidden() throws {
        let grammar = try grammar(reading(nil) { $0.forbidden = .hermes }, .none)
        #expect(grammar.matches("Hello <tool") && !grammar.matches("a <tool_call>"))
    }

    @Test("a schema that cannot be enforced allows any object, with a note, unless it is strict")
    func badSchemas() throws {
        let bad: JSONValue = ["type": "object", "properties": ["a": ["type": "string", "pattern": "("]]]
        let loose = try grammar(reading(.hermes) { $0.functions = [ToolFunction(name: "f", parameters: bad)] })
        #expect(loose.notes.count == 1 && loose.notes[0].contains("`f`"))
        #expect(loose.matches("<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": [1]}}\n</tool_call>"))
        do {
            _ = try grammar(reading(.hermes) { $0.functions = [ToolFunction(name: "f", parameters: bad, isStrict: true)] })
            Issue.record("it was compiled")
        } catch let error as GrammarError {
            #expect(error.message.contains("`f`"))
        }
    }
}
