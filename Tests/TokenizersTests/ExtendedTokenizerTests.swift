import Testing

@testable import Tokenizers

/// A token a byte; the byte 1 before a text and 2 after it, and a space before a text that is no continuation.
private struct ByteTokenizer: Tokenizer {
    var vocabularySize: Int { 256 }
    var beginOfSequence: Int32? { 1 }
    var endOfSequence: Set<Int32> { [2] }

    func encode(_ text: String, addSpecialTokens: Bool, parseSpecial: Bool) -> [Int32] {
        let ids = (" " + text).utf8.map(Int32.init)
        return addSpecialTokens ? [1] + ids + [2] : ids
    }
    func encode(_ text: String, plainAt offsets: Set<Int>) -> [Int32] { text.utf8.enumerated().map { offsets.contains($0) ? 0 : Int32($1) } }
    func encode(continuing text: String, parseSpecial: Bool) -> [Int32] { text.utf8.map(Int32.init) }
    func specialTokenOffsets(in text: String) -> [Int] { text.utf8.enumerated().filter { $1 == 35 }.map(\.offset) }
    func bytes(of token: Int32) -> [UInt8] { (0..<256).contains(token) ? [UInt8(token)] : [] }
    func isSpecial(_ token: Int32) -> Bool { token < 3 }
    func token(_ piece: String) -> Int32? { piece.utf8.count == 1 ? piece.utf8.first.map(Int32.init) : nil }
    func piece(of token: Int32) -> String? { (0..<256).contains(token) ? String(decoding: bytes(of: token), as: UTF8.self) : nil }
}

/// Tokens beside another tokenizer's.
@Suite struct ExtendedTokenizerTests {
    private let tokenizer = ExtendedTokenizer(
        ByteTokenizer(),
        [
            .init(id: 256, content: "<go>"), .init(id: 257, content: "<gone>", isSpecial: true), .init(id: 258, content: "ab", isSingleWord: true),
            .init(id: 259, content: "<s>", stripsLeft: true, stripsRight: true),
        ], vocabularySize: 262)

    private func ids(_ text: String) -> [Int32] { text.utf8.map(Int32.init) }

    @Test func addedTokensAreFoundAndTheRestIsTheOthers() {
        #expect(tokenizer.encode("x<go>y", addSpecialTokens: false, parseSpecial: true) == ids(" x") + [256] + ids("y"))
        #expect(tokenizer.encode("<go>y", addSpecialTokens: false, parseSpecial: true) == [256] + ids(" y"))
        #expect(tokenizer.encode("x<go>y", addSpecialTokens: true, parseSpecial: true) == [1] + ids(" x") + [256] + ids("y") + [2])
        #expect(tokenizer.encode(continuing: "x<go>y", parseSpecial: true) == ids("x") + [256] + ids("y"))
        #expect(tokenizer.encode("plain", addSpecialTokens: true, parseSpecial: true) == ByteTokenizer().encode("plain", addSpecialTokens: true, parseSpecial: true))
        #expect(tokenizer.encode("", addSpecialTokens: false, parseSpecial: true).isEmpty)
    }

    @Test func specialOnesAreReadWhereTheyAreAskedFor() {
        #expect(tokenizer.encode(continuing: "<gone>", parseSpecial: true) == [257])
        #expect(tokenizer.encode(continuing: "<gone>", parseSpecial: false) == ids("<gone>"))
        #expect(tokenizer.encode("a<gone>#<gone>", plainAt: [1]) == ids("a<gone>#").enumerated().map { $0 == 1 ? 0 : $1 } + [257])
        #expect(tokenizer.specialTokenOffsets(in: "#<gone><go>") == [0, 1])
        #expect(tokenizer.isSpecial(257) && !tokenizer.isSpecial(256) && tokenizer.isSpecial(1))
    }

    @Test func wordsAndSpacesAroundThem() {
        #expect(tokenizer.encode(continuing: "ab cab", parseSpecial: true) == [258] + ids(" cab"))
        #expect(tokenizer.encode(continuing: "x  <s> y", parseSpecial: true) == ids("x") + [259] + ids("y"))
    }

    @Test func namesAndBytes() {
        #expect(tokenizer.vocabularySize == 262 && tokenizer.token("<go>") == 256 && tokenizer.token("a") == 97)
        #expect(tokenizer.piece(of: 257) == "<gone>" && tokenizer.piece(of: 260) == nil && tokenizer.bytes(of: 260).isEmpty)
        #expect(tokenizer.decode([97, 256, 257, 98, 261], skipSpecialTokens: true) == "a<go>b")
    }
}
