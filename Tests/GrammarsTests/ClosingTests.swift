import JSON
import Testing

@testable import Grammars

/// Answers that must end within some tokens.
struct ClosingTests {
    private static let vocabulary = GrammarMatcherTests.vocabulary

    private func matcher(_ build: (inout GrammarBuilder) throws -> GrammarNode) throws -> GrammarMatcher {
        var builder = GrammarBuilder(limits: .unhurried)
        let root = try build(&builder)
        return GrammarMatcher(try builder.grammar(root), Self.vocabulary)
    }

    /// Random tokens as the mask allows them, replaced where too few would remain; the bytes and whether the answer is whole.
    private func walk(_ matcher: GrammarMatcher, most: Int, _ random: inout SplitMix) -> (text: [UInt8], isWhole: Bool) {
        var state = matcher.start
        var text: [UInt8] = []
        for used in 0..<most {
            if state.isComplete() { return (text, true) }
            let mask = state.mask()
            let allowed = (0..<Int32(Self.vocabulary.count)).filter { mask?.allows($0) == true }
            guard var token = allowed.randomElement(using: &random) else { break }
            if let closing = state.closing(insteadOf: token, remaining: most - used) {
                guard let first = closing.first else { return (text, state.isAccepting()) }
                token = first
            }
            text += Self.vocabulary.spelling(token)
            guard state.advance(token) else { return (text, false) }
        }
        return (text, state.isAccepting())
    }

    private func checkEnds(_ matcher: GrammarMatcher, seed: UInt64) throws {
        var start = matcher.start
        let end = start.closing()
        let shortest = try #require(end).count
        var random = SplitMix(seed: seed)
        for round in 0..<60 {
            let (text, isWhole) = walk(matcher, most: shortest + round / 2, &random)
            #expect(isWhole && matcher.grammar.matches(text), "\(String(decoding: text, as: UTF8.self))")
        }
    }

    @Test(
        "whatever comes, an answer that has tokens enough for the shortest one is whole within them",
        arguments: [
            #"{"type":"object"}"#, "true",
            #"{"type":"object","properties":{"name":{"type":"string"},"n":{"type":"integer","minimum":30}},"required":["name","n"]}"#,
            #"{"type":"object","properties":{"a":{"type":"string","minLength":3},"b":{"enum":["yellow","blue"]}},"minProperties":1}"#,
            #"{"type":"array","items":{"type":"array","items":{"type":"boolean"},"minItems":2},"minItems":3}"#,
            #"{"type":"array","prefixItems":[{"type":"string"},{"const":{"deep":[1,2]}}],"items":{"type":"null"},"minItems":3}"#,
            #"{"type":"string","minLength":2,"maxLength":6}"#, #"{"type":"string","pattern":"^a[bc]{4}$"}"#,
            ##"{"$ref":"#/$defs/t","$defs":{"t":{"type":"object","properties":{"v":{"type":"number"},"next":{"anyOf":[{"$ref":"#/$defs/t"},{"type":"null"}]}},"required":["v","next"]}}}"##,
            #"{"type":"object","additionalProperties":{"type":"string","format":"date"},"minProperties":2}"#,
            #"{"type":"object","patternProperties":{"^x-":{"type":"integer"}},"required":["x-a","x-b"]}"#,
        ])
    func schemas(text: String) throws {
        try checkEnds(matcher { try $0.schema(JSONValue.parse(text)) }, seed: 11)
    }

    @Test("expressions, choices and recursive grammars are completed, too")
    func others() throws {
        try checkEnds(matcher { try $0.regularExpression("([a-z]+, ){2,}(and|or) [a-z]{5}") }, seed: 1)
        try checkEnds(matcher { try $0.choice(["abc", "true story", "12 monkeys"]) }, seed: 2)
        try checkEnds(matcher { try $0.gbnf("root ::= term ((\"+\" | \"-\") term)*\nterm ::= [0-9]+ | \"(\" root \")\" | \"(\" root \")\" root") }, seed: 3)
        try checkEnds(matcher { try $0.anyObject() }, seed: 4)
    }

    @Test(
        "the end of a state is the shortest text that completes it",
        arguments: [
            (#"{"type":"object"}"#, "", 2), (#"{"type":"object"}"#, #"{"a": [[{"b"#, 7), (#"{"type":"object"}"#, #"{"a": tr"#, 3),
            (#"{"type":"object"}"#, #"{"a": "\u00"#, 4), (#"{"type":"integer"}"#, "12", 0),
            (#"{"type":"array","items":{"type":"string","minLength":4},"minItems":1}"#, "[\"a", 5),
            // `","at":0}`, and `ig":true,"at":0}` behind the beginning of an optional name.
            (ClosingTests.city, #"{"name": "Par"#, 9), (ClosingTests.city, #"{"name": "Par", "b"#, 16),
        ])
    func texts(schema: String, text: String, length: Int) throws {
        let matcher = try matcher { try $0.schema(JSONValue.parse(schema)) }
        var state = matcher.start
        for byte in text.utf8 { _ = state.advance(Int32(byte)) }
        let tokens = state.closing()
        let closing = try #require(tokens).flatMap { Self.vocabulary.spelling($0) }
        #expect(closing.count == length, "\(String(decoding: closing, as: UTF8.self))")
        #expect(matcher.grammar.matches(Array(text.utf8) + closing))
    }

    private static let city =
        #"{"type":"object","properties":{"name":{"type":"string"},"big":{"type":"boolean"},"at":{"type":"integer"}},"required":["name","at"]}"#

    @Test("where the shortest end is too long or the tokens are too few nothing is replaced")
    func tooLong() throws {
        let long = try matcher { try $0.schema(["type": "string", "minLength": 5_000]) }
        var state = long.start
        let end = state.closing()
        #expect(end == nil)
        let instead = state.closing(insteadOf: 0x22, remaining: 100)
        #expect(instead == nil)
        var word = try matcher { try $0.choice(["abc", "true story"]) }.start
        _ = word.advance(0x74)
        let late = word.closing(insteadOf: 0x72, remaining: 2)
        #expect(late == nil)
    }

    @Test("the lengths of nodes that lead to each other are settled, and a grammar of long choices takes the shortest")
    func recursion() throws {
        let matcher = try matcher { try $0.gbnf("root ::= a\na ::= \"x\" b \"y\" | \"x\" a | b\nb ::= \"(\" a \")\" | \"hello world\" | c\nc ::= \"no\" c{2} | \"stop\"") }
        var state = matcher.start
        let end = state.closing()
        #expect(end.map { $0.flatMap { Self.vocabulary.spelling($0) } } == Array("stop".utf8))
    }
}
