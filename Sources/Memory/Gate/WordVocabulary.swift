public import Embeddings
internal import Foundation

/// What the number and the spelling of each word piece of an encoder's vocabulary say about words. Vocabularies list common words first.
public struct WordVocabulary: Sendable {
    struct Piece: Sendable {
        /// Its bytes in `spellings`.
        var start: Int32
        var end: Int32
        /// Of the piece as a whole word.
        var rarity: Float
        /// Has a letter or a digit: other pieces are left out.
        var isWord: Bool
        var hasDigit: Bool
    }

    private var pieces: [Piece] = []
    private var spellings: [UInt8] = []
    private let plain: Set<UInt64>
    private let distinct: Set<UInt64>
    private let asking: [UInt64: UInt8]
    private let roles: [UInt64: Role]
    let unknown: Int32

    /// The rarity of words that the vocabulary has no piece for, and of numbers.
    static let rarest: Float = 9.5
    /// Words from this rarity on are names. Single letters have it, too.
    static let name: Float = 7
    /// The least rarity of a content word.
    private static let least: Float = 3

    public init(_ embedder: EncoderEmbedder) {
        self.init(count: embedder.vocabularySize, unknown: embedder.unknownPiece) { embedder.spelling(ofPiece: $0) }
    }

    init(count: Int, unknown: Int32, spelling: (Int32) -> String?) {
        self.unknown = unknown
        plain = Set(QuestionWords.plain.map { Self.hash(of: $0.utf8) })
        distinct = Set(QuestionWords.distinct.map { Self.hash(of: $0.utf8) })
        asking = Dictionary(QuestionWords.asking.map { (Self.hash(of: $0.key.utf8), $0.value) }) { first, _ in first }
        var roles = [Self.hash(of: QuestionWords.month.utf8): Role.month, Self.hash(of: QuestionWords.how.utf8): .how]
        for word in QuestionWords.amounts { roles[Self.hash(of: word.utf8)] = .amount }
        for word in QuestionWords.negations { roles[Self.hash(of: word.utf8)] = .negation }
        self.roles = roles
        pieces.reserveCapacity(count)
        for token in 0..<Int32(clamping: count) {
            let text = spelling(token) ?? ""
            let start = Int32(spellings.count)
            spellings.append(contentsOf: text.utf8)
            pieces.append(
                Piece(
                    start: start, end: Int32(spellings.count), rarity: Self.rarity(token),
                    isWord: text.unicodeScalars.contains(where: Self.isWordScalar),
                    hasDigit: text.utf8.contains { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }))
        }
    }

    /// From the place in BERT's vocabulary, where words begin after 1,995 marks and characters: two to the rarity is in proportion to it.
    private static func rarity(_ token: Int32) -> Float {
        let place = max(Float(token) - 1995, 1)
        return min(9, max(least, Float(log2(Double(place) / 64))))
    }

    private static func isWordScalar(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        case .decimalNumber, .letterNumber, .otherNumber: true
        default: false
        }
    }

    subscript(token: Int32) -> Piece {
        guard pieces.indices.contains(Int(token)) else {
            return Piece(start: 0, end: 0, rarity: Self.rarest, isWord: true, hasDigit: false)
        }
        return pieces[Int(token)]
    }

    /// Words that count by themselves, or by the word behind them.
    enum Role {
        case month, how, amount, negation, none
    }

    /// The word of some pieces.
    struct Word {
        /// Equal for equal words; a plural s does not count.
        var hash: UInt64
        var rarity: Float
        var isNumber: Bool
        var isUnknown: Bool
        var role: Role
        /// A bit for each kind of question that the word asks: who, when, where, why, how.
        var asks: UInt8

        var isName: Bool { rarity >= WordVocabulary.name }
    }

    func word(_ tokens: ArraySlice<Int32>) -> Word {
        var (hash, before) = (Self.seed, Self.seed)
        var (length, last, secondLast) = (0, UInt8(0), UInt8(0))
        var hasDigit = false
        for token in tokens {
            let piece = self[token]
            hasDigit = hasDigit || piece.hasDigit
            for byte in spellings[Int(piece.start)..<Int(piece.end)] {
                before = hash
                hash = Self.step(hash, byte)
                (secondLast, last) = (last, byte)
                length += 1
            }
        }
        let s = UInt8(ascii: "s")
        let isPlural = length > 3 && last == s && secondLast != s
        let isUnknown = tokens.count == 1 && tokens.first == unknown
        let rarity: Float
        if plain.contains(hash) {
            rarity = 0
        } else if hasDigit || tokens.count > 1 || isUnknown {
            rarity = Self.rarest
        } else if length == 1 || distinct.contains(hash) {
            rarity = Self.name
        } else {
            rarity = tokens.first.map { self[$0].rarity } ?? Self.rarest
        }
        return Word(
            hash: isPlural ? before : hash, rarity: rarity, isNumber: hasDigit, isUnknown: isUnknown, role: roles[hash] ?? .none,
            asks: asking[hash] ?? 0)
    }

    // FNV-1a of 64 bits: equal words within two texts, so that an accident is not to be feared.
    private static let seed: UInt64 = 0xcbf2_9ce4_8422_2325
    private static func step(_ hash: UInt64, _ byte: UInt8) -> UInt64 { (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    private static func hash(of bytes: some Sequence<UInt8>) -> UInt64 { bytes.reduce(seed, step) }
}
