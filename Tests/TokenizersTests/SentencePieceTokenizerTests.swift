import Foundation
import JSON
import Testing
import Tokenizers

@Suite("SentencePiece BPE")
struct SentencePieceTokenizerTests {
    /// `Fixtures/sentencepiece.json`, made by scripts/fixtures/tokenizer_cases.py.
    static func vocabulary() throws -> SentencePieceVocabulary {
        let data = try Data(contentsOf: URL(fileURLWithPath: StoredCase.fixture("sentencepiece.json")))
        let root = JSONCursor(try JSONValue.parse(Array(data)))
        return SentencePieceVocabulary(
            tokens: try root["tokens"].array().map { try $0.string() }, types: try root["types"].array().map { try $0.int() },
            scores: try root["scores"].array().map { Float(try $0.double()) }, beginOfSequence: 2, endOfSequence: 1, unknown: 3)
    }

    /// `a`, `b`, ` `, `>` and bytes but for 0xFF, then `more`, each better than the one behind it.
    private func make(_ more: [String], types: [String: Int] = [:], scores: [String: Float] = [:]) throws -> SentencePieceTokenizer {
        let bytes = (0..<255).map { "<0x\($0 < 16 ? "0" : "")\(String($0, radix: 16, uppercase: true))>" }
        let tokens = ["<unk>", "<bos>", "a", "b", "▁", ">"] + bytes + more
        return try SentencePieceTokenizer(
            vocabulary: SentencePieceVocabulary(
                tokens: tokens,
                types: tokens.map { types[$0] ?? ($0 == "<unk>" ? 2 : $0 == "<bos>" ? 3 : $0.hasPrefix("<0x") ? 6 : 1) },
                scores: tokens.enumerated().map { scores[$1] ?? -Float($0) }, beginOfSequence: 1, unknown: 0))
    }

    private func pieces(_ tokenizer: SentencePieceTokenizer, _ text: String, special: Bool = false) -> [String] {
        tokenizer.encode(text, addSpecialTokens: false, parseSpecial: special).map { tokenizer.piece(of: $0) ?? "?" }
    }

    @Test("the best piece merges first, whichever two it is made of; of equal ones the leftmost")
    func order() throws {
        let tokenizer = try make(["ba", "ab", "aba", "aa"])
        #expect(pieces(tokenizer, "aba") == ["aba"])
        #expect(pieces(tokenizer, "abab") == ["aba", "b"])
        #expect(pieces(tokenizer, "aaa") == ["aa", "a"])
        let equal = try make(["ab", "ba"], scores: ["ab": -7, "ba": -7])
        #expect(pieces(equal, "bab") == ["ba", "b"])
        #expect(pieces(equal, "abab") == ["ab", "ab"])
    }

    @Test("a piece that goes on over a space is found, and texts of any length agree with their parts")
    func marks() throws {
        let tokenizer = try make(["▁a", "▁b", ">▁", ">▁a"])
        #expect(pieces(tokenizer, "a a") == ["a", "▁a"])
        #expect(pieces(tokenizer, "b> a") == ["b", ">▁a"])
        #expect(pieces(tokenizer, "a  b") == ["a", "▁", "▁b"])
        let text = String(repeating: " a b", count: 5000)
        #expect(pieces(tokenizer, text) == Array(repeating: ["▁a", "▁b"], count: 5000).flatMap { $0 })
        // Without a place to cut at: every space is behind a `>`.
        let long = String(repeating: "a> ", count: 3000)
        #expect(pieces(tokenizer, long) == ["a"] + Array(repeating: ">▁a", count: 2999) + [">▁"])
    }

    @Test("characters that are no piece become bytes, those without bytes one unknown token; both come back")
    func bytes() throws {
        let tokenizer = try make(["é"])
        #expect(pieces(tokenizer, "éa\n") == ["é", "a", "<0x0A>"])
        #expect(pieces(tokenizer, "é€") == ["é", "<0xE2>", "<0x82>", "<0xAC>"])
        for text in ["a b  \n é€ 東京 🙂", "\u{0}\u{1}", " ", ""] {
            let ids = tokenizer.encode(text, addSpecialTokens: false, parseSpecial: false)
            #expect(same(tokenizer.decode(ids, skipSpecialTokens: true), text))
        }
        #expect(tokenizer.decode(tokenizer.encode("▁", addSpecialTokens: false, parseSpecial: false), skipSpecialTokens: true) == " ")
        let sparse = try make([], types: ["<0x82>": 5])
        #expect(pieces(sparse, "a€€b", special: true) == ["a", "<unk>", "b"])
        #expect(pieces(sparse, "a€€b") == ["a", "b"])
    }

    @Test("special tokens come out of a text only where they may; user-defined ones always, and never merged")
    func added() throws {
        let tokenizer = try make(["<", "<b", "  ", "b>"], types: ["  ": 4, "b>": 4])
        #expect(tokenizer.encode("<bos>a", addSpecialTokens: true, parseSpecial: true) == [1, 1, 2])
        #expect(!tokenizer.encode("<bos>a", addSpecialTokens: false, parseSpecial: false).contains(1))
        #expect(pieces(tokenizer, "a  b") == ["a", "  ", "b"])
        #expect(pieces(tokenizer, "ab>") == ["a", "b>"])
        #expect(tokenizer.isSpecial(1) && !tokenizer.isSpecial(2) && !tokenizer.isSpecial(-1))
        #expect(tokenizer.bytes(of: tokenizer.token("  ") ?? -1) == [0x20, 0x20])
    }

    @Test("a megabyte without a space takes no quadratic time", .timeLimit(.minutes(15)))
    func longLine() throws {
        let tokenizer = try make(["aa", "aaaa"])
        #expect(pieces(tokenizer, String(repeating: "a", count: 1 << 20)).count == 1 << 18)
    }

    @Test("many calls at once give what one call gives")
    func concurrent() async throws {
        let tokenizer = try SentencePieceTokenizer(vocabulary: Self.vocabulary())
        let texts = try StoredCase.all("sentencepiece").map(\.text)
        let alone = texts.map { tokenizer.encode($0, addSpecialTokens: true, parseSpecial: true) }
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask { texts.map { tokenizer.encode($0, addSpecialTokens: true, parseSpecial: true) } == alone }
            }
            for await isSame in group { #expect(isSame) }
        }
    }

    @Test("metadata that contradicts itself")
    func refusals() throws {
        func code(_ change: (inout SentencePieceVocabulary) -> Void) -> (TokenizerError.Code?, String?) {
            var vocabulary = SentencePieceVocabulary(tokens: ["<unk>", "a", "b"], types: [2, 1, 1], scores: [0, -1, -2])
            change(&vocabulary)
            let error = #expect(throws: TokenizerError.self) { try SentencePieceTokenizer(vocabulary: vocabulary) }
            return (error?.code, error?.path)
        }
        #expect(code { ($0.tokens, $0.types, $0.scores) = ([], [], []) } == (.malformed, "tokenizer.ggml.tokens"))
        #expect(code { $0.types = [1] } == (.malformed, "tokenizer.ggml.token_type"))
        #expect(code { $0.scores = [] } == (.malformed, "tokenizer.ggml.scores"))
        #expect(code { $0.types[1] = 7 } == (.malformed, "tokenizer.ggml.token_type[1]"))
        #expect(code { $0.scores[2] = .nan } == (.malformed, "tokenizer.ggml.scores[2]"))
        #expect(code { $0.endOfTurn = 3 } == (.malformed, "tokenizer.ggml.eot_token_id"))
        #expect(code { $0.unknown = -1 } == (.malformed, "tokenizer.ggml.unknown_token_id"))
        #expect(code { $0.tokens[1] = String(repeating: "a", count: 2000) } == (.limitExceeded, "tokenizer.ggml.tokens[1]"))
    }

    @Test("a tokenizer that reads a text as if a space stood before it gives the text back without")
    func startMark() throws {
        let folder = "\(StoredCase.root)/Tests/EmbeddingsTests/Fixtures/static"
        let tokenizer = try SentencePieceTokenizer.load(folder: folder)
        let ids = tokenizer.encode("the the", addSpecialTokens: false, parseSpecial: false)
        #expect(ids.count == 2 && ids[0] == ids[1] && tokenizer.piece(of: ids[0]) == "▁the")
        for text in ["the the", " the", "", " ", "数 é\n"] {
            let ids = tokenizer.encode(text, addSpecialTokens: false, parseSpecial: false)
            #expect(same(tokenizer.decode(ids, skipSpecialTokens: true), text))
        }
        #expect(tokenizer.encode("", addSpecialTokens: false, parseSpecial: false).isEmpty)
        #expect(tokenizer.encode("a</s>a", addSpecialTokens: false, parseSpecial: true).map { tokenizer.piece(of: $0) } == ["▁a", "</s>", "▁a"])
    }

    @Test("a tokenizer.json with another normalizer, decoder, or merge is refused with its place")
    func files() throws {
        let whole = try String(contentsOfFile: StoredCase.fixture("gemma.json"), encoding: .utf8)
        let rows = [
            ("\"content\":\"▁\"}", "\"content\":\"_\"}", "normalizer"),
            ("{\"type\":\"Fuse\"}", "{\"type\":\"Strip\"}", "decoder.decoders[2].type"),
            ("\"ignore_merges\":false", "\"ignore_merges\":true", "model.ignore_merges"),
            ("\"unk_token\":\"<unk>\"", "\"unk_token\":\"none\"", "model.unk_token"),
            ("[[\"▁\",\"▁\"]", "[[\"▁\",\"<table>\"]", "model.merges[0]"),
        ]
        for (old, new, path) in rows {
            let text = whole.replacingOccurrences(of: old, with: new)
            #expect(text != whole, "\(old)")
            let file = NSTemporaryDirectory() + "lmoe-sentencepiece-\(UUID().uuidString).json"
            try Data(text.utf8).write(to: URL(fileURLWithPath: file))
            defer { unlink(file) }
            let error = #expect(throws: TokenizerError.self) { try DecoderTokenizer.load(tokenizerJSON: file) }
            #expect(error?.path == path, "\(String(describing: error))")
        }
    }
}
