import Testing
import Tokenizers

@Suite("Byte-level BPE")
struct BytePairTokenizerTests {
    private static let letters = "abcdefghijklmnopqrstuvwxyz<>|_ĠĊ".map { String($0) }

    private func make(
        _ more: [String] = [], types: [Int: Int] = [:], merges: [String] = [], pre: String = "gpt-2", begin: Int32? = nil
    ) throws -> BytePairTokenizer {
        let tokens = Self.letters + more
        return try BytePairTokenizer(
            vocabulary: BytePairVocabulary(
                tokens: tokens, types: tokens.indices.map { types[$0 - Self.letters.count] ?? 1 }, merges: merges,
                preTokenizer: pre, beginOfSequence: begin, addBeginOfSequence: begin != nil))
    }

    private func pieces(_ tokenizer: BytePairTokenizer, _ text: String, special: Bool = false) -> [String] {
        tokenizer.encode(text, addSpecialTokens: false, parseSpecial: special).map { tokenizer.piece(of: $0) ?? "?" }
    }

    @Test("the best pair merges first, of equal ones the leftmost")
    func order() throws {
        let tokenizer = try make(["bc", "ab", "aa", "abc"], merges: ["b c", "a b", "a a", "a bc"])
        #expect(pieces(tokenizer, "abc") == ["abc"])
        #expect(pieces(tokenizer, "aaab") == ["aa", "ab"])
        #expect(pieces(tokenizer, "aaa") == ["aa", "a"])
    }

    @Test("a short word and a long one follow the same rule")
    func longWords() throws {
        let tokenizer = try make(["aa", "ab", "aaaa", "aab", "ba"], merges: ["a a", "a b", "aa aa", "aa b", "b a"])
        let seed = UInt64.random(in: 0 ... .max)
        var random = SplitMix(state: seed)
        for _ in 0..<40 {
            let word = String((0..<Int.random(in: 49..<200, using: &random)).map { _ in Bool.random(using: &random) ? "a" : "b" })
            #expect(pieces(tokenizer, word) == naiveMerge(word), "seed \(seed)")
        }
    }

    private func naiveMerge(_ word: String) -> [String] {
        var parts = word.map { String($0) }
        for merge in [["a", "a"], ["a", "b"], ["aa", "aa"], ["aa", "b"], ["b", "a"]] {
            var index = 0
            // No merge makes a pair of an earlier rank here, so one pass a rank is the whole rule.
            while index + 1 < parts.count {
                if [parts[index], parts[index + 1]] == merge { parts.replaceSubrange(index...index + 1, with: [merge.joined()]) }
                index += 1
            }
        }
        return parts
    }

    @Test("a megabyte of one letter, of spaces, and of marks take no quadratic time", .timeLimit(.minutes(15)))
    func longLines() throws {
        let tokenizer = try make(["aa", "aaaa", "ĠĠ"], merges: ["a a", "aa aa", "Ġ Ġ"], pre: "qwen2")
        let count = 1 << 20
        #expect(tokenizer.encode(String(repeating: "a", count: count), addSpecialTokens: false, parseSpecial: false).count == count / 4)
        #expect(tokenizer.encode(String(repeating: " ", count: count), addSpecialTokens: false, parseSpecial: false).count == count / 2)
        #expect(pieces(tokenizer, String(repeating: "\u{301}\u{316}", count: 1 << 16)).isEmpty)
    }

    @Test("special tokens at chosen offsets are plain text, and the others are read")
    func plainOffsets() throws {
        let tokenizer = try make(["<s>"], types: [0: 3])
        func pieces(_ text: String, _ offsets: Set<Int>) -> [String] {
            tokenizer.encode(text, plainAt: offsets).map { tokenizer.piece(of: $0) ?? "?" }
        }
        let plain = ["<", "s", ">"]
        #expect(tokenizer.specialTokenOffsets(in: "<s>a<s><s") == [0, 4])
        #expect(pieces("<s>a<s>", []) == ["<s>", "a", "<s>"])
        #expect(pieces("<s>a<s>", [4]) == ["<s>", "a"] + plain)
        #expect(pieces("<s>a<s>", [0]) == plain + ["a", "<s>"])
        #expect(pieces("<s>a<s>", [0, 4]) == plain + ["a"] + plain)
        #expect(pieces("<s>a<s>", [1]) == ["<s>", "a", "<s>"])
    }

    @Test("no special token comes out of a text unless it may, not even by merging")
    func special() throws {
        // `<s>` can be reached by merges; `<u>` is added but not special.
        let tokenizer = try make(
            ["<s", "<s>", "<s>a", "<u>"], types: [1: 3, 3: 4], merges: ["< s", "<s >", "<s> a"])
        #expect(pieces(tokenizer, "b<s>b", special: true) == ["b", "<s>", "b"])
        #expect(pieces(tokenizer, "b<s>b") == ["b", "<", "s", ">", "b"])
        #expect(pieces(tokenizer, "<u>") == ["<u>"])
    }

    @Test("a special token that merging reaches falls back into its parts")
    func mergedSpecial() throws {
        let tokenizer = try make(["ye", "yes"], types: [1: 3], merges: ["y e", "ye s"])
        #expect(pieces(tokenizer, "yes", special: true) == ["yes"])
        #expect(pieces(tokenizer, "yes") == ["ye", "s"])
        #expect(pieces(tokenizer, "yes") == ["ye", "s"])
    }

    @Test("equivalent spellings are different texts")
    func bytes() throws {
        let tokenizer = try make(["é", "e\u{301}"], types: [0: 4, 1: 4])
        #expect(tokenizer.encode("é", addSpecialTokens: false, parseSpecial: false) == [tokenizer.token("é")])
        #expect(tokenizer.encode("e\u{301}", addSpecialTokens: false, parseSpecial: false) == [tokenizer.token("e\u{301}")])
        #expect(tokenizer.token("é") != tokenizer.token("e\u{301}"))
        #expect(same(tokenizer.decode([Int32(vocabularyEnd(tokenizer))], skipSpecialTokens: false), "e\u{301}"))
    }

    private func vocabularyEnd(_ tokenizer: BytePairTokenizer) -> Int { tokenizer.vocabularySize - 1 }

    @Test("ids outside the vocabulary are nothing")
    func outside() throws {
        let tokenizer = try make(begin: 3)
        for id in [-1, Int32.min, 100_000, .max] {
            #expect(tokenizer.bytes(of: id).isEmpty && tokenizer.piece(of: id) == nil && !tokenizer.isSpecial(id))
        }
        #expect(tokenizer.encode("", addSpecialTokens: true, parseSpecial: false) == [3])
        #expect(tokenizer.encode("", addSpecialTokens: false, parseSpecial: false) == [])
    }

    @Test("calls at once give what one call gives")
    func concurrent() async throws {
        let tokenizer = try BytePairTokenizer.load(tokenizerJSON: StoredCase.fixture("smollm.json"))
        let cases = try StoredCase.all("smollm").map { ($0.text, $0.ids) }
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    cases.allSatisfy { tokenizer.encode($0.0, addSpecialTokens: true, parseSpecial: true) == $0.1 }
                }
            }
            for await equal in group { #expect(equal) }
        }
    }
}
