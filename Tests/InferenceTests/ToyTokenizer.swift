import Tokenizers

/// A token a byte, for tests that need no model.
struct ToyTokenizer: Tokenizer {
    var vocabularySize: Int { 256 }
    var beginOfSequence: Int32? { nil }
    var endOfSequence: Set<Int32> { [0] }

    func encode(_ text: String, addSpecialTokens: Bool, parseSpecial: Bool) -> [Int32] { text.utf8.map(Int32.init) }
    func encode(_ text: String, plainAt offsets: Set<Int>) -> [Int32] { encode(text, addSpecialTokens: false, parseSpecial: true) }
    func specialTokenOffsets(in text: String) -> [Int] { [] }
    func bytes(of token: Int32) -> [UInt8] { (0..<256).contains(token) ? [UInt8(token)] : [] }
    func isSpecial(_ token: Int32) -> Bool { token == 0 }
    func token(_ piece: String) -> Int32? { piece.utf8.count == 1 ? piece.utf8.first.map(Int32.init) : nil }
    func piece(of token: Int32) -> String? { String(decoding: bytes(of: token), as: UTF8.self) }
}
