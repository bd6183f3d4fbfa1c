import Adapters
import Testing

@testable import Tuning

@Suite struct RoutingExampleTests {
    private func row(_ line: Int, _ prompt: String) -> DataRow { DataRow(line: line, .completion(prompt: .text(prompt), completion: .text("yes"))) }

    @Test("examples are drawn once each from the rows that are trained, the same for the same seed")
    func draw() {
        let rows = (1...40).map { row($0, "question \($0 / 2)") }
        let drawn = RoutingExamples.draw(from: rows, lines: Array(1...20), count: 6, seed: 1)
        #expect(drawn.count == 6 && Set(drawn).count == 6)
        #expect(Set(drawn).isSubset(of: (0...10).map { "question \($0)" }))
        #expect(drawn == RoutingExamples.draw(from: rows, lines: Array(1...20), count: 6, seed: 1))
        #expect(drawn != RoutingExamples.draw(from: rows, lines: Array(1...20), count: 6, seed: 2))
        #expect(RoutingExamples.draw(from: rows, lines: Array(1...20), count: 99, seed: 1).count == 11)
    }

    @Test("an example is what the user says last before the answer that is learnt")
    func request() {
        let turns = [
            ConversationTurn(role: "system", "Be short."), ConversationTurn(role: "user", "first"),
            ConversationTurn(.init(role: "assistant", content: "context"), isTrained: false), ConversationTurn(role: "user", "second"),
            ConversationTurn(role: "assistant", "learnt"), ConversationTurn(role: "user", "third"), ConversationTurn(role: "assistant", "more"),
        ]
        #expect(DataRow(line: 1, .conversation(turns)).request == "second")
        #expect(DataRow(line: 1, .instruction(system: nil, instruction: "Add.", input: "1 2", output: "3")).request == "Add.\n\n1 2")
        #expect(DataRow(line: 1, .text("plain")).request == nil)
        #expect(RoutingExamples.draw(from: [row(1, String(repeating: "é", count: 4000))], seed: 0)[0].utf8.count == 2048)
    }

    @Test("a text is one line of YAML, whatever is in it")
    func quoted() {
        #expect(RouteFile.quoted("a \"b\" \\ #: é") == "\"a \\\"b\\\" \\\\ #: é\"")
        #expect(RouteFile.quoted("\n\t\u{0}\u{85}\u{2028}\u{FEFF}😀") == "\"\\n\\t\\x00\\x85\\u2028\\ufeff\\U0001f600\"")
    }
}
