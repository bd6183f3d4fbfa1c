import JSON
import Testing

@testable import Grammars

struct RegularExpressionTests {
    private func grammar(_ pattern: String) throws -> Grammar {
        var builder = GrammarBuilder(limits: .unhurried)
        let root = try builder.regularExpression(pattern)
        return try builder.grammar(root)
    }

    @Test(
        "a whole text matches, or it does not",
        arguments: [
            ("a|bc", ["a", "bc"], ["", "b", "abc", "ab"]),
            ("a*b{2,3}", ["bb", "aaabbb"], ["b", "abbbb", "aa"]),
            ("(foo|ba[rz])+", ["foo", "barbaz"], ["", "ba", "foob"]),
            ("[^a-c]", ["d", "é", "😀", "\n"], ["a", "c", "", "dd"]),
            (".", ["x", "€"], ["\n", ""]),
            ("\\d{3}-\\w+", ["123-a_9"], ["12-a", "123-"]),
            ("^a$", ["a"], ["b", "aa"]),
            ("\\u00e9\\x41\\u{1F600}", ["éA😀"], ["é"]),
            ("[\\]\\-a]+", ["]-a"], ["b"]),
            ("a{,2}", ["a{,2}"], ["a", "aa"]),
            ("(?:x|y)??z", ["z", "xz"], ["xyz"]),
            ("\\p{Lu}\\p{Ll}*", ["Éa", "A"], ["a", "aA"]),
            ("", [""], ["a"]),
            ("a||b", ["", "a", "b"], ["ab"]),
            // Would never end if each repetition of nothing took a step.
            ("((){1000000000}){1000000000}a(b{0}){1000000000}", ["a"], ["", "b", "ab"]),
        ] as [(String, [String], [String])])
    func whole(pattern: String, matching: [String], others: [String]) throws {
        // Classes of all characters are made once, outside the time to compile.
        for category in ["Lu", "Ll"] { #expect(CharacterClass.category(category) != nil) }
        let grammar = try grammar(pattern)
        for text in matching { #expect(grammar.matches(text), "\(pattern) on \(text)") }
        for text in others { #expect(!grammar.matches(text), "\(pattern) on \(text)") }
    }
}
