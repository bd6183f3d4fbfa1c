/// Changes of a text that leave its meaning as it was.
enum Perturbation: String, CaseIterable, Sendable {
    /// One letter of one word is deleted, doubled, replaced, or swapped with the next.
    case typo
    case punctuation
    case capitals

    /// - Parameter random: the same seed gives the same text.
    func apply(_ text: String, _ random: inout some RandomNumberGenerator) -> String {
        switch self {
        case .typo: return Self.typo(text, &random)
        case .punctuation: return String(text.filter { !$0.isPunctuation })
        case .capitals:
            return text.split(separator: " ", omittingEmptySubsequences: false).map { word in
                Bool.random(using: &random) ? word.uppercased() : word.capitalized
            }.joined(separator: " ")
        }
    }

    private static func typo(_ text: String, _ random: inout some RandomNumberGenerator) -> String {
        var words = text.split(separator: " ", omittingEmptySubsequences: false).map(Array.init)
        let long = words.indices.filter { words[$0].count >= 4 && words[$0].allSatisfy { $0.isLetter } }
        guard let place = long.randomElement(using: &random) else { return text }
        var word = words[place]
        let letter = Int.random(in: 1..<word.count - 1, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: word.remove(at: letter)
        case 1: word.swapAt(letter, letter + 1)
        case 2: word.insert(word[letter], at: letter)
        default: word[letter] = Array("abcdefghijklmnopqrstuvwxyz").randomElement(using: &random) ?? "e"
        }
        words[place] = word
        return words.map { String($0) }.joined(separator: " ")
    }
}

extension Substring {
    fileprivate var capitalized: String { prefix(1).uppercased() + dropFirst() }
}

/// SplitMix64 (Steele et al. 2014): the same numbers for the same seed, on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
