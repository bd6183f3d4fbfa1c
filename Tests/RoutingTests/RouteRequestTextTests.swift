import Generation
import Testing

@testable import Routing

/// What of a request is embedded.
@Suite struct RouteRequestTextTests {
    private static let messages = [
        ChatMessage(role: "system", content: "You are kind."), ChatMessage(role: "user", content: "one"),
        ChatMessage(role: "assistant", content: "first"), ChatMessage(role: "user", content: " "),
        ChatMessage(role: "user", content: "two"), ChatMessage(role: "assistant", content: "second"),
        ChatMessage(role: "user", content: "three"), ChatMessage(role: "tool", content: "result"),
    ]

    private func turns(_ text: RequestPolicy.Text, _ messages: [ChatMessage] = messages) -> [RouteRequestText.Turn] {
        var policy = RequestPolicy()
        policy.text = text
        return RouteRequestText(.messages(messages), policy: policy, encoderTokens: 256).turns
    }

    @Test func theLastTurnOfTheUserDecides() {
        #expect(turns(.last) == [.init(weight: 1, pieces: ["three"])])
        #expect(turns(.last, [ChatMessage(role: "system", content: "only")]) == [.init(weight: 1, pieces: ["only"])])
        #expect(turns(.last, []) == [.init(weight: 1, pieces: [""])])
    }

    @Test func aConversationsTurnsCountLessAndLess() {
        #expect(turns(.conversation).map(\.pieces) == [["three"], ["two"], ["one"]])
        #expect(turns(.conversation).map(\.weight) == [1, 0.5, 0.25])
        let many = (0..<9).map { ChatMessage(role: "user", content: "\($0)") }
        #expect(turns(.conversation, many).map(\.pieces) == [["8"], ["7"], ["6"], ["5"]])
    }

    @Test func templatesTakeParts() throws {
        let template = try RouteTemplate("{system} {first}/{previous}/{last} ({assistant}) {")
        #expect(turns(.template(template)) == [.init(weight: 1, pieces: ["You are kind. one/two/three (second) {"])])
        for bad in ["no place", "{nobody}", "{last} {User}"] {
            #expect(throws: RoutingError.self, "\(bad)") { try RouteTemplate(bad) }
        }
    }

    @Test func ofALongTextTheEdgesAreTaken() {
        let filler = String(repeating: "Nothing of this matters here at all. ", count: 60)
        #expect(TextEdges.pieces("short", bytes: 768) == ["short"])
        let first = TextEdges.pieces("list the files\n\n\(filler)", bytes: 768)
        #expect(first.contains("list the files"))
        let last = TextEdges.pieces("\(filler)\n \nlist the files", bytes: 768)
        #expect(last.contains("list the files"))
        let inside = TextEdges.pieces("\(filler)List the files. Please now!", bytes: 768)
        #expect(inside.contains("List the files. Please now!"))
        #expect(TextEdges.pieces("List the files! \(filler)", bytes: 768).contains { $0.hasPrefix("List the files!") && $0.utf8.count < 100 })
        for text in [first, last, inside].joined() { #expect(text.utf8.count <= 768) }
        // No sentence, no line, no space; and nothing but spaces.
        #expect(TextEdges.pieces(String(repeating: "é", count: 2000), bytes: 768).allSatisfy { $0.utf8.count <= 768 && !$0.isEmpty })
        #expect(TextEdges.pieces(String(repeating: " ", count: 2000), bytes: 768).count == 1)
        #expect(!TextEdges.pieces(String(repeating: "👨‍👩‍👧‍👦", count: 400), bytes: 16).isEmpty)
    }

    @Test func aRequestAtTheEndOfALongTextIsRouted() throws {
        let prose = String(repeating: "The composer wrote melancholy music in the evenings. ", count: 40)
        let dispatcher = try RouteDispatcherTests.dispatcher()
        let decision = try dispatcher.decide(
            RouteQuestion(.text("\(prose)\n\nlist all files in the folder")), rules: RouteDispatcherTests.rules)
        #expect(decision.adapter == "bash")
        #expect(decision.text == "list all files in the folder")
        #expect(decision.json["pieces"] != nil)
    }

    @Test func anEmptyTurnOfAConversationLeavesTheWordToTheOneBefore() throws {
        let messages = RouteDispatcherTests.turns("which rivers run through texas", last: "and of it?")
        let rules = RouteDispatcherTests.rules
        let alone = try RouteDispatcherTests.dispatcher().decide(RouteQuestion(.messages(messages)), rules: rules)
        let together = try RouteDispatcherTests.dispatcher { $0.text = .conversation }.decide(RouteQuestion(.messages(messages)), rules: rules)
        #expect(together.adapter == "sql")
        #expect(together.candidates.map(\.adapter) == ["sql", "bash"])
        let none = try #require(together.noneProbability)
        #expect(abs(together.candidates.reduce(none) { $0 + $1.probability } - 1) < 1e-6)
        #expect((together.probability ?? 0) > (alone.candidates.first { $0.adapter == "sql" }?.probability ?? 1))
        let moved = RouteDispatcherTests.turns("which rivers run through texas", last: "list all files in the folder")
        #expect(try RouteDispatcherTests.dispatcher { $0.text = .conversation }.decide(RouteQuestion(.messages(moved)), rules: rules).adapter == "bash")
    }

    @Test func theQuestionToALanguageModelIsRotatedAndItsLettersAreAdded() throws {
        let question = LanguageModelQuestion(
            text: "show\nall   files", options: [
                .init(name: "bash", description: "Shell.", examples: ["list files", "count lines"]), .init(name: "sql", description: nil, examples: []),
            ])
        #expect(question.count == 3)
        let first = question.prompt(rotation: 0)
        #expect(first.hasPrefix("A: bash. Shell.\nB: sql\nC: none. Anything else.\n\nRequest: count lines\nAnswer: A\n\n"))
        #expect(first.hasSuffix("Request: list files\nAnswer: A\n\nRequest: Write a short poem about autumn leaves.\nAnswer: C\n\nRequest: show all files\nAnswer:"))
        #expect(question.prompt(rotation: 1).hasPrefix("A: sql\nB: none. Anything else.\nC: bash. Shell.\n"))
        // It likes the letter A, and bash a little.
        let choice = try #require(question.choice([[-0.5, -3, -3], [-1, -3, -2], [-1, -2, -3]]))
        #expect(choice.option == 0)
        #expect((0.4..<0.9).contains(choice.probability))
        #expect(try #require(question.choice([[-3, -3, -1], [-3, -1, -3], [-1, -3, -3]])).option == 2)
        #expect(question.choice([[-1, -2]]) == nil)
    }
}
