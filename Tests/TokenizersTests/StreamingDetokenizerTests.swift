import Testing
import Tokenizers

/// One token a byte; 256 is special and stands for `<s>`.
private struct ByteTokenizer: Tokenizer {
    var vocabularySize: Int { 257 }
    var beginOfSequence: Int32? { nil }
    var endOfSequence: Set<Int32> { [] }
    func encode(_ text: String, addSpecialTokens: Bool, parseSpecial: Bool) -> [Int32] { text.utf8.map { Int32($0) } }
    func encode(_ text: String, plainAt offsets: Set<Int>) -> [Int32] { [] }
    func specialTokenOffsets(in text: String) -> [Int] { [] }
    func bytes(of token: Int32) -> [UInt8] { token == 256 ? Array("<s>".utf8) : [UInt8(token)] }
    func isSpecial(_ token: Int32) -> Bool { token == 256 }
    func token(_ piece: String) -> Int32? { nil }
    func piece(of token: Int32) -> String? { nil }
}

@Suite("Streaming detokenizer")
struct StreamingDetokenizerTests {
    @Test("a character comes out when its last byte is there, never before")
    func wholeCharacters() {
        var stream = StreamingDetokenizer(ByteTokenizer())
        let parts = "aé€😀".utf8.map { stream.append(Int32($0)) }
        #expect(parts == ["a", "", "é", "", "", "€", "", "", "", "😀"])
        #expect(stream.finish() == "")
    }

    @Test("what cannot become a character any more is replaced at once, an unfinished end by finish")
    func invalid() {
        var stream = StreamingDetokenizer(ByteTokenizer())
        #expect([0xE2, 0x82, 0x41].map { stream.append($0) } == ["", "", "\u{FFFD}A"])
        // ED A0 begins a surrogate: neither byte begins a character.
        #expect([0xED, 0xA0].map { stream.append($0) } == ["", "\u{FFFD}\u{FFFD}"])
        #expect(stream.append(0xFF) == "\u{FFFD}")
        #expect([0xF0, 0x9F, 0x98].map { stream.append($0) } == ["", "", ""])
        #expect(stream.finish() == "\u{FFFD}")
        #expect(stream.finish() == "")
    }

    @Test("special tokens are skipped or shown; only when shown they break a character")
    func special() {
        var skipping = StreamingDetokenizer(ByteTokenizer())
        #expect([0xC3, 256, 0xA9].map { skipping.append($0) } == ["", "", "é"])
        var showing = StreamingDetokenizer(ByteTokenizer(), skipSpecialTokens: false)
        #expect([0xC3, 256, 0xA9].map { showing.append($0) } == ["", "\u{FFFD}<s>", "\u{FFFD}"])
    }

    @Test("the parts of any bytes, joined, are what all of them decode to")
    func random() {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SplitMix(state: seed)
        let edges: [UInt8] = [
            0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF1, 0xF3,
            0xF4, 0xF5, 0xFF,
        ]
        for _ in 0..<2000 {
            let tokens = (0..<Int.random(in: 0..<12, using: &random)).map { _ in Int32(edges.randomElement(using: &random) ?? 0) }
            var stream = StreamingDetokenizer(ByteTokenizer())
            var text = tokens.map { stream.append($0) }.joined()
            text += stream.finish()
            #expect(Array(text.utf8) == Array(ByteTokenizer().decode(tokens, skipSpecialTokens: true).utf8), "seed \(seed)")
        }
    }
}
