import Testing
import Tokenizers

@Suite("Stored cases of the reference")
struct ParityTests {
    @Test("BPE from tokenizer.json", arguments: ["gpt2", "smollm", "llama3", "qwen2", "gpt4o", "tekken", "gemma"])
    func families(name: String) throws {
        let tokenizer = try DecoderTokenizer.load(tokenizerJSON: StoredCase.fixture("\(name).json"))
        try check(tokenizer, StoredCase.all(name))
    }

    @Test("SentencePiece from what a GGUF file says")
    func sentencePiece() throws {
        let tokenizer = try SentencePieceTokenizer(vocabulary: SentencePieceTokenizerTests.vocabulary())
        try check(tokenizer, StoredCase.all("sentencepiece"), addSpecialTokens: false)
    }

    private func check(_ tokenizer: any Tokenizer, _ cases: [StoredCase], addSpecialTokens: Bool = true) throws {
        #expect(cases.count > 190)
        for stored in cases {
            let ids = tokenizer.encode(stored.text, addSpecialTokens: addSpecialTokens, parseSpecial: true)
            #expect(ids == stored.ids, "\(stored.text.debugDescription)")
            let plain = tokenizer.encode(stored.text, addSpecialTokens: false, parseSpecial: false)
            #expect(plain == stored.plain, "\(stored.text.debugDescription)")
            #expect(!plain.contains { tokenizer.isSpecial($0) })
            #expect(same(tokenizer.decode(stored.ids, skipSpecialTokens: true), stored.decoded))
            var stream = StreamingDetokenizer(tokenizer)
            let parts = stored.ids.map { stream.append($0) } + [stream.finish()]
            #expect(same(parts.joined(), stored.decoded))
        }
    }

    @Test("WordPiece of the real encoder, whole and cut")
    func encoder() throws {
        let tokenizer = try WordPieceTokenizer.load(folder: "\(StoredCase.root)/models/encoder")
        let cases = try StoredCase.all("minilm")
        #expect(cases.count > 200)
        for stored in cases {
            #expect(tokenizer.encode(stored.text, maximumTokens: .max) == stored.ids, "\(stored.text.debugDescription)")
            #expect(tokenizer.encode(stored.text, maximumTokens: 8) == stored.cut, "\(stored.text.debugDescription)")
        }
        #expect(tokenizer.token("[CLS]") == 101 && tokenizer.piece(of: 102) == "[SEP]")
        #expect(tokenizer.piece(of: -1) == nil && tokenizer.piece(of: .max) == nil)
    }

    @Test("a text that is cut is not read far beyond the cut, and gives what its beginning gives")
    func longText() throws {
        let tokenizer = try WordPieceTokenizer.load(folder: "\(StoredCase.root)/models/encoder")
        let line = "Ünïcode words, 数 numbers 1234 and e\u{301} "
        let short = tokenizer.encode(String(repeating: line, count: 40), maximumTokens: 256)
        #expect(short.count == 256)
        #expect(tokenizer.encode(String(repeating: line, count: 20_000), maximumTokens: 256) == short)
        #expect(tokenizer.encode(line, maximumTokens: 0) == [101, 102])
    }
}
