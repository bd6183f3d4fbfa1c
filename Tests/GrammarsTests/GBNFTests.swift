import Testing

@testable import Grammars

struct GBNFTests {
    private func grammar(_ source: String) throws -> Grammar {
        var builder = GrammarBuilder(limits: .unhurried)
        builder.tokenNamed = { ["<mark>": GrammarMatcherTests.special][$0] }
        let root = try builder.gbnf(source)
        return try builder.grammar(root)
    }

    private func check(_ source: String, _ matching: [String], _ others: [String]) throws {
        let grammar = try grammar(source)
        for text in matching { #expect(grammar.matches(text), "\(source) on \(text)") }
        for text in others { #expect(!grammar.matches(text), "\(source) on \(text)") }
    }

    @Test("literals, classes, groups, alternatives and repetitions mean what they mean in llama.cpp")
    func parts() throws {
        try check(#"root ::= "yes" | "no" ("," [ \t]{0,2} [^\n]+)?"#, ["yes", "no", "no,\t maybe", "no,é"], ["", "y", "yes,x", "no,", "no,\n"])
        try check(#"root ::= [a-c0-9]{2,3} "x"* "é"+"#, ["a1é", "abcxxéé"], ["aé", "abcdé", "ab", "AB\u{e9}"])
        try check(#"root ::= "\"" [^"\\]* "\"" "\x41\u00e9\n""#, ["\"ab\"Aé\n"], ["\"a\\\"Aé\n", "\"a\"A\n"])
        try check("root ::= .{2}", ["ab", "é😀", "a\n"], ["a", "abc"])
    }

    @Test("rules refer to one another and to themselves, over several lines and beside comments")
    func rules() throws {
        try check(
            """
            # an expression of sums in brackets
            root ::= term (op term)*   # at least one
            term ::= [0-9]+ |
                     "(" root ")"
            op   ::= "+" | "-"
            """, ["1", "12+3-4", "((1)+2)-3"], ["", "+1", "(1", "1+", "1 + 2"])
        try check(#"root ::= "a" root "b" | "c""#, ["c", "aacbb"], ["ab", "aacb"])
    }

    @Test("a token is named by its text or its number, and is no text")
    func tokens() throws {
        for source in [#"root ::= "a" <mark> "b""#, "root ::= \"a\" <[\(GrammarMatcherTests.special)]> \"b\""] {
            var state = GrammarMatcher(try grammar(source), GrammarMatcherTests.vocabulary).start
            let isAdvanced = state.advance(0x61) && state.advance(GrammarMatcherTests.special) && state.advance(0x62)
            #expect(isAdvanced)
            let isComplete = state.isComplete()
            #expect(isComplete)
        }
    }

    @Test(
        "an error says what is expected, and where",
        arguments: [
            ("", "root"), ("x ::= \"a\"", "root"), ("root = \"a\"", "::="), ("root ::= other", "other"), ("root ::= \"a", "line 1"),
            ("root ::= [a", "line 1"), ("root ::= (\"a\"", "line 1"), ("root ::= \"a\"\nroot ::= \"b\"", "twice"), ("root ::= root \"a\" | \"b\"", "itself"),
            ("root ::= \"a\"{3,2}", "line 1"), ("root ::= <none>", "none"),
        ])
    func errors(source: String, word: String) throws {
        let error = #expect(throws: GrammarError.self) { try grammar(source) }
        #expect(error?.description.contains(word) == true, "\(error?.description ?? "-")")
    }

    @Test("nested groups and long sources have limits")
    func limits() throws {
        let deep = "root ::= " + String(repeating: "(", count: 100_000) + "\"a\"" + String(repeating: ")", count: 100_000)
        #expect(#expect(throws: GrammarError.self) { try grammar(deep) }?.code == .tooComplex)
        let long = "root ::= \"" + String(repeating: "a", count: 2 << 20) + "\""
        #expect(#expect(throws: GrammarError.self) { try grammar(long) }?.code == .tooComplex)
    }
}
