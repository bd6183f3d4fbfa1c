import JSON
import Testing

@testable import Grammars

struct GrammarMatcherTests {
    /// All bytes, and some longer tokens; the last two are special and padded.
    static let tokens: [[UInt8]] =
        (0...255).map { [UInt8($0)] }
        + ["{\"", "\":", "\": ", "\",", "\"}", "\", \"", "name", "na", "me", "true", "false", "12", "abc", "}}", "]}", "é", "tool", "<tool", "_call>", "ll>{"]
        .map { Array($0.utf8) } + [[], []]
    static let special = Int32(tokens.count - 2)

    static let vocabulary = TokenVocabulary(count: tokens.count, bytes: { tokens[Int($0)] }, isSpecial: { $0 == special })

    private func matcher(_ build: (inout GrammarBuilder) throws -> GrammarNode) throws -> GrammarMatcher {
        var builder = GrammarBuilder(limits: .unhurried)
        let root = try build(&builder)
        return GrammarMatcher(try builder.grammar(root), Self.vocabulary)
    }

    private func schema(_ text: String) throws -> GrammarMatcher { try matcher { try $0.schema(JSONValue.parse(text)) } }

    @Test(
        "a mask allows exactly the tokens whose bytes the grammar can read, on a random walk",
        arguments: [
            #"{"type":"object","properties":{"name":{"type":"string"},"n":{"type":"integer","maximum":99}},"required":["name"]}"#,
            #"{"type":"string","minLength":2,"maxLength":6}"#,
            #"{"type":"array","items":{"anyOf":[{"type":"boolean"},{"type":"string","pattern":"^a.*c$"}]},"maxItems":3}"#,
            #"{"type":"object","additionalProperties":{"type":"string","maxLength":3}}"#,
        ])
    func masks(text: String) throws {
        let matcher = try schema(text)
        var random = SplitMix(seed: 7)
        for _ in 0..<20 {
            var state = matcher.start
            for _ in 0..<40 {
                guard let mask = state.mask() else { break }
                var allowed: [Int32] = []
                for token in 0..<Int32(Self.tokens.count) {
                    #expect(mask.allows(token) == state.allows(token), "token \(Self.tokens[Int(token)])")
                    if mask.allows(token) { allowed.append(token) }
                }
                let check1 = !allowed.isEmpty || state.isComplete()
                #expect(check1)
                guard let token = allowed.randomElement(using: &random) else { break }
                let check2 = state.advance(token)
                #expect(check2)
            }
        }
    }

    @Test("every division of a text into tokens is allowed, and a text that is not matched has none")
    func divisions() throws {
        let matcher = try schema(#"{"type":"object","properties":{"name":{"enum":["true","na}}"]},"me":{"type":"boolean"}},"required":["name"]}"#)
        func ends(_ text: [UInt8]) -> Int {
            // States before each byte; a division is a path from the first to the end.
            var states = [[GrammarState]](repeating: [], count: text.count + 1)
            states[0] = [matcher.start]
            for place in text.indices {
                for token in Self.tokens.indices where !Self.tokens[token].isEmpty && text[place...].starts(with: Self.tokens[token]) {
                    for var state in states[place].prefix(3) where state.mask()?.allows(Int32(token)) == true {
                        if state.advance(Int32(token)) { states[place + Self.tokens[token].count].append(state) }
                    }
                }
            }
            return states[text.count].count { state in
                var state = state
                return state.isComplete()
            }
        }
        for text in [#"{"name":"true"}"#, #"{"name": "na}}", "me": false}"#] { #expect(ends(Array(text.utf8)) >= 2, "\(text)") }
        for text in [#"{"name":"tru"}"#, #"{"name":"true"}}"#, #"{"me":true}"#] { #expect(ends(Array(text.utf8)) == 0, "\(text)") }
    }

    @Test("a mask leaves the logits of allowed tokens, and sets all others to -infinity, also beyond the vocabulary")
    func application() throws {
        var state = try matcher { try $0.choice(["12", "abc"]) }.start
        var logits = (0..<Self.tokens.count + 7).map { Float($0) }
        logits.withUnsafeMutableBufferPointer { state.mask()?.restrict($0, more: [300, 5]) }
        let left = logits.indices.filter { logits[$0] > -.infinity }
        let expected = [5, 0x31, 0x61] + Self.tokens.indices.filter { [Array("12".utf8), Array("abc".utf8)].contains(Self.tokens[$0]) }
        #expect(left == (expected + (300 < logits.count ? [300] : [])).sorted())
        #expect(left.allSatisfy { logits[$0] == Float($0) })
    }

    @Test("free text begins a part at each trigger, by text or by a special token, and goes on behind it")
    func triggers() throws {
        func build(_ builder: inout GrammarBuilder) throws -> GrammarNode {
            let call = try builder.sequence([builder.schema(["type": "object", "properties": ["a": ["type": "integer"]], "required": ["a"]]), builder.literal("</tool_call>")])
            let never = try builder.alternative([])
            return try builder.text([.init("<tool_call>", then: call), .init(token: Self.special, then: call), .init("<no>", then: never)])
        }
        let grammar = try matcher(build).grammar
        for text in ["", "hello <tool", "a<tool_call>{\"a\":1}</tool_call> b", "<<tool_call>{\"a\":1}</tool_call><tool_call>{\"a\":2}</tool_call>"] {
            #expect(grammar.matches(text), "\(text)")
        }
        for text in ["<tool_call>", "<tool_call>x", "<tool_call>{\"a\":1}", "a<no>"] { #expect(!grammar.matches(text), "\(text)") }
        var state = try matcher(build).start
        let check3 = state.advance(Self.special)
        #expect(check3)
        let check4 = !state.isAccepting()
        #expect(check4)
        #expect(state.allows(Int32(UInt8(ascii: "{"))) && !state.allows(Int32(UInt8(ascii: "x"))))
        // A token that runs over the trigger's end is judged by what follows it.
        var within = try matcher(build).start
        for byte in "<tool_ca".utf8 { _ = within.advance(Int32(byte)) }
        let crossing = Int32(Self.tokens.firstIndex(of: Array("ll>{".utf8)) ?? 0)
        let check5 = within.allows(crossing) && within.mask()?.allows(crossing) == true
        #expect(check5)
    }

    @Test("special, empty and unknown tokens are never allowed, unless a grammar names them")
    func special() throws {
        var state = try matcher { try $0.text() }.start
        for token: Int32 in [Self.special, Self.special + 1, -1, 9_999] { #expect(!state.allows(token)) }
        let check6 = state.mask()?.allows(Self.special) == false
        #expect(check6)
    }

    @Test("forced stretches are known, and a complete answer is complete")
    func forced() throws {
        var state = try schema(#"{"const":{"name":true}}"#).start
        let check7 = state.forcedBytes(most: 9) == Array("{".utf8)
        #expect(check7)
        for byte in "{\"".utf8 { _ = state.advance(Int32(byte)) }
        let check8 = state.forcedBytes(most: 9) == Array("name\":".utf8)
        #expect(check8)
        for byte in "name\":true".utf8 { _ = state.advance(Int32(byte)) }
        let check9 = !state.isComplete() && !state.isAccepting()
        #expect(check9)
        let check10 = state.advance(Int32(UInt8(ascii: "}")))
        #expect(check10)
        let check11 = state.isComplete() && state.isAccepting()
        #expect(check11)
        let check12 = !state.advance(Int32(UInt8(ascii: "}")))
        #expect(check12)
        let check13 = state.isComplete()
        #expect(check13)
    }

    @Test("a grammar that is too ambiguous for masks still tells of single tokens")
    func ambiguity() throws {
        var limits = GrammarLimits.unhurried
        limits.maskWork = 2_000
        var builder = GrammarBuilder(limits: limits)
        let root = try builder.gbnf("root ::= r{65,200}\nr ::= [a-z ]{1,100}")
        var state = GrammarMatcher(try builder.grammar(root), Self.vocabulary).start
        var masks = 0
        for _ in 0..<80 {
            let isMasked = state.mask() != nil
            masks += isMasked ? 1 : 0
            #expect(state.allows(0x61) && !state.allows(0x41))
            let isAdvanced = state.advance(Int32(Self.tokens.firstIndex(of: Array("abc".utf8)) ?? 0))
            #expect(isAdvanced)
        }
        #expect(masks > 0 && masks < 80)
        // Of a plain one all masks are made.
        var plain = try schema(#"{"type":"array","items":{"type":"string"}}"#).start
        for byte in "[\"a\",\"b".utf8 {
            let isMasked = plain.mask() != nil && plain.advance(Int32(byte))
            #expect(isMasked)
        }
    }

    @Test("a matcher that forgets what it knew still finds the place of each answer, on many threads")
    func forgetting() async throws {
        var limits = GrammarLimits.unhurried
        limits.machineBytes = 40_000
        var builder = GrammarBuilder(limits: limits)
        let root = try builder.schema(JSONValue.parse(#"{"type":"array","items":{"type":"string","maxLength":50},"maxItems":40}"#))
        let matcher = GrammarMatcher(try builder.grammar(root), Self.vocabulary)
        let texts = await withTaskGroup(of: [UInt8]?.self) { group in
            for seed in 0..<8 {
                group.addTask {
                    var random = SplitMix(seed: UInt64(seed))
                    var state = matcher.start
                    var text: [UInt8] = []
                    for _ in 0..<4000 where !state.isComplete() {
                        guard let mask = state.mask() else { return nil }
                        let allowed = (0..<Int32(Self.tokens.count)).filter(mask.allows)
                        guard let token = allowed.randomElement(using: &random), state.advance(token) else { return nil }
                        text += Self.tokens[Int(token)]
                    }
                    return state.isComplete() ? text : nil
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        for text in texts {
            let text = try #require(text)
            #expect(matcher.grammar.matches(text))
            #expect(try JSONValue.parse(text).arrayValue != nil)
        }
        #expect(matcher.memory < 400_000)
    }
}

/// Numbers from a seed, for walks that can be repeated.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
