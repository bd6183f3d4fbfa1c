import Testing

@testable import Memory

@Suite("The gate of memory")
struct MemoryGateTests {
    private static let told = Result {
        try ToldQuestions([
            ["What is the access code of the Wrestenby depot?"],
            ["What is the door code of the Wrestenby depot?", "Which keypad number opens the Wrestenby depot?"],
            ["Who is the landlord of 12 Kiln Lane?"], ["When does the ferry to Oxel leave?"], ["How much does a \u{1F34E} cost?"],
        ])
    }

    @Test("a question as it was told opens its fact, and so do other words around the same nouns", arguments: [
        ("What is the access code of the Wrestenby depot?", 100), ("what's the Wrestenby depot's access code", 100),
        ("Please tell me the door code of the Wrestenby depot.", 101), ("Which keypad number opens the Wrestenby depot?", 101),
        ("the landlord of 12 Kiln Lane, who is it?", 102), ("do you know when the ferry to Oxel leaves", 103),
    ] as [(String, Fact.ID)])
    func opens(text: String, fact: Fact.ID) throws {
        let decision = try Self.told.get().decide(text)
        #expect(decision.fact == fact, "\(decision)")
        #expect(decision.candidates.first?.fact == fact && decision.candidates.count == 5)
        #expect(decision.margin ?? 0 >= 0 && decision.score ?? -9 >= decision.threshold)
    }

    @Test("another name, thing, number or kind of question opens nothing", arguments: [
        "What is the access code of the Wrastenby depot?", "What is the serial number of the Wrestenby depot?",
        "What is the access code of the Wrestenby hotel?", "Who is the landlord of 13 Kiln Lane?", "Where does the ferry to Oxel leave?",
        "How many landlords has 12 Kiln Lane?", "Tell me a joke about depots.", "", "?", "12",
    ])
    func closed(text: String) throws {
        let decision = try Self.told.get().decide(text)
        #expect(decision.fact == nil, "\(decision)")
    }

    @Test("words that the vocabulary cannot spell match only in the same text")
    func unknownWords() throws {
        let told = try Self.told.get()
        #expect(try told.decide("How much does a \u{1F34E} cost?").fact == 104)
        #expect(try told.decide("how much does  a \u{1F34E} cost?").fact == 104)
        #expect(try told.decide("How much does a \u{1F34C} cost?").fact == nil)
    }

    @Test("a fact whose keys are gone is passed over, and an error of the keys is thrown")
    func goneKeys() throws {
        let told = try Self.told.get()
        let text = "What is the access code of the Wrestenby depot?"
        let key = try GateEncoder.keys([text])[0]
        let decision = told.gate.decide(
            text, key, in: told.table, threshold: 0, keys: { $0 == 100 ? nil : told.keys[$0] }, texts: { told.texts[$0] })
        #expect(decision.fact != 100 && decision.candidates.allSatisfy { $0.fact != 100 })
        let error = MemoryError(.malformed, "torn")
        func torn(_: Fact.ID) throws(MemoryError) -> [FactKey]? { throw error }
        func texts(_ fact: Fact.ID) throws(MemoryError) -> [String]? { told.texts[fact] }
        #expect(throws: error) { _ = try told.gate.decide(text, key, in: told.table, threshold: 0, keys: torn, texts: texts) }
    }

    @Test("an empty store opens nothing")
    func emptyStore() throws {
        let decision = try ToldQuestions([]).decide("What is it?")
        #expect(decision.fact == nil && decision.score == nil && decision.margin == nil && decision.candidates.isEmpty)
    }

    @Test("many threads get what one gets")
    func threads() async throws {
        let told = try Self.told.get()
        let texts = ["Who is the landlord of 12 Kiln Lane?", "when does the ferry to Oxel leave", "What is the door code?", "hello"]
        let expected = try texts.map { try told.decide($0) }
        try await withThrowingTaskGroup(of: (Int, GateDecision).self) { group in
            for number in 0..<40 {
                group.addTask { (number % 4, try told.decide(texts[number % 4])) }
            }
            for try await (number, decision) in group { #expect(decision == expected[number]) }
        }
    }

    @Test("rivals are scored both ways, whichever was told first; a fact is none of its own")
    func rivals() throws {
        let told = try Self.told.get()
        func rivalry(_ text: String, _ fact: Fact.ID?) throws -> Float? {
            told.gate.rivalry(of: try GateEncoder.keys([text]), fact: fact, in: told.table, keys: { told.keys[$0] })
        }
        let question = "Who is the landlord of 12 Kiln Lane?"
        let itself = try #require(try rivalry(question, nil))
        #expect(itself > GateCalibration.most)
        #expect(try rivalry(question, 102) ?? -99 < GateCalibration.least)
        #expect(try rivalry("completely different", 102) == nil)
    }

    @Test("a wording is refused when it means another fact, or when a rule made it and it is far from its question")
    func wordings() throws {
        let told = try Self.told.get()
        func check(_ wording: String, isTold: Bool) throws -> WordingVerdict {
            told.gate.check(
                try GateEncoder.keys([wording])[0], of: try GateEncoder.keys(["What is the door code of the Wrestenby depot?"])[0],
                isTold: isTold, fact: 101, in: told.table, threshold: GateCalibration.least, keys: { told.keys[$0] })
        }
        #expect(try check("How do I get into the Wrestenby depot?", isTold: true) == .accepted)
        #expect(try check("What opens the gate?", isTold: false).reason?.contains("too far") == true)
        let other = try check("Tell me the access code of the Wrestenby depot.", isTold: true)
        guard case .nearer(100, let score, let own) = other else { return #expect(Bool(false), "\(other)") }
        #expect(score > own && other.reason?.contains("fact 100") == true)
    }
}
