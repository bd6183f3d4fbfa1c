import Generation
import JSON
import Testing

@testable import Inference

extension EngineTests {
    /// Answers of the real model under schemas, expressions, choices and grammars.
    @Suite("Answers of a given form") struct AnswerFormats {
        static let person: JSONValue = [
            "type": "object",
            "properties": [
                "name": ["type": "string", "maxLength": 20], "age": ["type": "integer", "minimum": 0, "maximum": 120],
                "skills": ["type": "array", "items": ["enum": ["swift", "python", "c"]], "minItems": 1, "maxItems": 3],
                "is_member": ["type": "boolean"],
            ],
            "required": ["name", "age", "skills", "is_member"],
        ]

        private static func request(
            _ format: AnswerFormat.Kind, _ text: String = "Describe a person.", maxTokens: Int = 200, _ change: (inout GenerationRequest) -> Void = { _ in }
        ) -> GenerationRequest {
            RealEngine.request(text, maxTokens: maxTokens) {
                $0.format = AnswerFormat(format, field: "response_format")
                change(&$0)
            }
        }

        private func all(_ engine: Engine, _ requests: [GenerationRequest]) async -> [Answer] {
            await withTaskGroup(of: (Int, Answer).self) { group in
                for (index, request) in requests.enumerated() { group.addTask { (index, await engine.answer(request)) } }
                return await group.reduce(into: [Int: Answer]()) { $0[$1.0] = $1.1 }.sorted { $0.key < $1.key }.map(\.value)
            }
        }

        private static func isPerson(_ text: String) throws -> Bool {
            let value = try JSONValue.parse(text)
            guard value.objectValue?.keys == ["name", "age", "skills", "is_member"] else { return false }
            guard let name = value["name"]?.stringValue, name.unicodeScalars.count <= 20 else { return false }
            guard let age = value["age"]?.intValue, (0...120).contains(age), value["is_member"]?.boolValue != nil else { return false }
            guard let skills = value["skills"]?.arrayValue, (1...3).contains(skills.count) else { return false }
            return skills.allSatisfy { ["swift", "python", "c"].contains($0.stringValue ?? "") }
        }

        @Test("twenty drawn answers at temperature 1 satisfy the schema, beside each other, and end by themselves")
        func drawn() async throws {
            let engine = try RealEngine.shared.get().engine { _ in }
            defer { engine.stop() }
            let requests = (0..<20).map { seed in
                Self.request(.jsonSchema(AnswerSchema(Self.person))) { ($0.sampling.temperature, $0.sampling.seed) = (1, UInt64(seed)) }
            }
            for answer in await all(engine, requests) {
                #expect(answer.failure == nil && answer.reason == .stop)
                #expect(try Self.isPerson(answer.text), "\(answer.text)")
            }
        }

        @Test("constrained rows in a mixed batch have the bits of each row alone, with drafts and without")
        func mixed() async throws {
            let fixture = try RealEngine.shared.get()
            let requests = [
                Self.request(.jsonSchema(AnswerSchema(Self.person))) { ($0.sampling.temperature, $0.sampling.seed, $0.topLogprobs) = (0.9, 3, 2) },
                RealEngine.request("Write a sentence about rivers.", adapter: "bash", maxTokens: 40) { $0.topLogprobs = 1 },
                Self.request(.jsonSchema(AnswerSchema(Self.person))) { ($0.sampling.frequencyPenalty, $0.adapter, $0.topLogprobs) = (0.3, "bash", 0) },
                Self.request(.regularExpression("[A-Z][a-z]{2,8} [0-9]{4}")) { $0.topLogprobs = 1 },
                Self.request(.choice(["yes", "no", "maybe not"]), "Is water wet?") { $0.topLogprobs = 1 },
            ]
            var alone: [Answer] = []
            for request in requests { alone.append(await fixture.engine.answer(request)) }
            for speculates in [true, false] {
                let engine = try fixture.engine { $0.speculates = speculates }
                defer { engine.stop() }
                for (one, other) in zip(alone, await all(engine, requests)) {
                    #expect(one.failure == nil && other.failure == nil)
                    #expect(one.text == other.text && one.reason == other.reason)
                    #expect(one.logprobs.map(\.chosen.token) == other.logprobs.map(\.chosen.token))
                    #expect(one.logprobs.map(\.chosen.logprob) == other.logprobs.map(\.chosen.logprob))
                }
                #expect(!speculates || engine.statistics.acceptedTokens > 0)
            }
            #expect(alone[3].text.wholeMatch(of: /[A-Z][a-z]{2,8} [0-9]{4}/) != nil)
            #expect(["yes", "no", "maybe not"].contains(alone[4].text) && alone[4].reason == .stop)
        }

        @Test("token limits, stop strings and ignored ends cut an answer, and an answer that is complete ends whatever they say")
        func ends() async throws {
            let engine = try RealEngine.shared.get().engine
            let short = await engine.answer(Self.request(.jsonSchema(AnswerSchema(Self.person)), maxTokens: 6))
            #expect(short.reason == .length && short.usage?.completionTokens == 6)
            let stopped = await engine.answer(Self.request(.jsonSchema(AnswerSchema(Self.person))) { $0.stop = ["\"age\""] })
            #expect(stopped.reason == .length && stopped.text.hasPrefix("{") && !stopped.text.contains("age"))
            let whole = await engine.answer(Self.request(.regularExpression("[a-z ,]+")) { $0.stop = [" "] })
            #expect(whole.reason == .stop && !whole.text.contains(" "))
            let ignoring = await engine.answer(Self.request(.jsonSchema(AnswerSchema(Self.person))) { ($0.ignoreEndOfSequence, $0.minTokens) = (true, 150) })
            #expect(ignoring.reason == .stop)
            #expect(try Self.isPerson(ignoring.text))
            let open = await engine.answer(Self.request(.regularExpression("[a-z ]+"), maxTokens: 12) { $0.ignoreEndOfSequence = true })
            #expect(open.reason == .length && open.text.allSatisfy { $0 == " " || $0.isLowercase })
        }

        @Test("an answer whose tokens run out is completed: valid, within the limit, with `length`, and the same with drafts and without")
        func closing() async throws {
            let fixture = try RealEngine.shared.get()
            let requests = [16, 25, 40, 61].flatMap { most in
                [
                    Self.request(.jsonObject, "A JSON object about Paris.", maxTokens: most),
                    Self.request(.jsonObject, "A JSON object with many lists.", maxTokens: most) { ($0.sampling.temperature, $0.sampling.seed) = (1, 5) },
                    Self.request(.jsonSchema(AnswerSchema(["type": "array", "items": ["type": "string"]])), "Names of many cities.", maxTokens: most),
                ]
            }
            var texts: [[String]] = []
            for speculates in [true, false] {
                let engine = try fixture.engine { $0.speculates = speculates }
                defer { engine.stop() }
                let answers = await all(engine, requests)
                for (request, answer) in zip(requests, answers) {
                    #expect(answer.failure == nil && (answer.usage?.completionTokens ?? .max) <= request.maxTokens ?? 0)
                    #expect(answer.reason == (answer.usage?.isClosed == true ? .length : .stop))
                    #expect(throws: Never.self, "\(answer.text)") { try JSONValue.parse(answer.text) }
                }
                #expect(answers.contains { $0.usage?.isClosed == true })
                texts.append(answers.map(\.text))
            }
            #expect(texts[0] == texts[1])
        }

        @Test("any JSON object, a grammar, a biased row, and log-probabilities of the model before the mask")
        func kinds() async throws {
            let engine = try RealEngine.shared.get().engine
            let object = await engine.answer(Self.request(.jsonObject, "Answer with a JSON object that has one member.", maxTokens: 120))
            #expect(object.failure == nil && object.text.hasPrefix("{"))
            if object.reason == .stop { #expect(try JSONValue.parse(object.text).objectValue != nil) }
            let grammar = await engine.answer(Self.request(.grammar("root ::= item (\", \" item){2}\nitem ::= \"red\" | \"blue\"")))
            #expect(grammar.text.split(separator: ", ").count == 3 && grammar.reason == .stop)
            let quote = try #require(engine.base.tokenizer.token("{\""))
            let biased = await engine.answer(
                Self.request(.choice(["zebra", "yak"])) { ($0.sampling.logitBias, $0.topLogprobs) = ([quote: 100], 1) })
            #expect(["zebra", "yak"].contains(biased.text))
            #expect(biased.logprobs.first?.top.first?.token == quote)
        }

        @Test("what cannot be a form is an error with its code and field, and what is not enforced is noted")
        func errors() async throws {
            let engine = try RealEngine.shared.get().engine
            let cases: [(AnswerFormat.Kind, GenerationError.Code)] = [
                (.jsonSchema(AnswerSchema(["type": "nothing"])), .invalidFormat),
                (.jsonSchema(AnswerSchema(["type": "array", "uniqueItems": true], isStrict: true)), .unsupportedFormat),
                (.regularExpression("("), .invalidFormat), (.regularExpression("(a|b)*a(a|b){30}"), .formatTooComplex),
                (.grammar("root ::= root \"a\""), .invalidFormat), (.choice([]), .invalidFormat),
            ]
            for (kind, code) in cases {
                let answer = await engine.answer(Self.request(kind))
                #expect(answer.failure?.code == code && answer.failure?.field == "response_format", "\(answer.failure?.message ?? "")")
                #expect(answer.failure?.message.hasPrefix("response_format: ") == true)
            }
            let noted = await engine.answer(Self.request(.jsonSchema(AnswerSchema(["type": "array", "uniqueItems": true, "maxItems": 1]))))
            #expect(noted.start?.formatNotes.count == 1 && noted.failure == nil)
        }

        @Test("the prompt shows the schema once: in a system message, unless a message has it")
        func instruction() throws {
            func messages(_ request: GenerationRequest) -> [ChatMessage] {
                guard case .chat(let messages, _)? = FormatInstruction(request, mostBytes: 4_000)?.inSystemMessage else { return [] }
                return messages
            }
            let request = Self.request(.jsonSchema(AnswerSchema(Self.person)))
            let added = messages(request)
            #expect(added.count == 2 && added[0].role == "system" && added[0].content.contains(Self.person.serialized()))
            #expect(FormatInstruction(request, mostBytes: 10) == nil)
            #expect(messages(Self.request(.jsonSchema(AnswerSchema(Self.person)), "Use " + Self.person.serialized(pretty: true))).isEmpty)
            #expect(messages(Self.request(.jsonObject)).isEmpty)
            var system = request
            system.prompt = .chat([ChatMessage(role: "system", content: "Be brief."), ChatMessage(role: "user", content: "Hi")], tools: [])
            #expect(messages(system).count == 2 && messages(system)[0].content.hasPrefix("Be brief.\n\n"))
            let user = FormatInstruction(request, mostBytes: 4_000)?.inUserMessage
            if case .chat(let messages, _)? = user { #expect(messages.count == 1 && messages[0].content.hasSuffix("Describe a person.")) }
        }
    }
}
