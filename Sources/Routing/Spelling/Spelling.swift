/// Corrects words that are misspelt by one letter before a text is embedded. An encoder takes a misspelt word for another word, and one
/// typo would change one decision in eight.
///
/// A word of at least 4 letters that neither the encoder nor the examples know is replaced by a known word one edit away: a letter
/// deleted, inserted or replaced, or two neighbours swapped. Of several such words the most frequent one in the examples is taken, then
/// the most common one of the encoder's vocabulary. Unchanged are words with digits, with capitals inside, or with signs of code
/// around them, single words in quotation marks, and words in capitals among others.
struct Spelling: Sendable {
    private static let shortest = 4
    private static let longest = 24
    /// How many unknown words of a text are looked at: prose has few, and each costs some hundred lookups.
    private static let mostUnknown = 8
    private static let endings = ["s", "ed", "ing"].map { Array($0.utf8) }
    private static let quotes = Array("\"'`".utf8)
    private static let letters = Array(UInt8(ascii: "a")...UInt8(ascii: "z"))

    /// How often each word occurs in the examples.
    private let counts: [String: Int]
    private let rank: @Sendable (String) -> Int?

    /// - Parameter rank: as `TextEmbedder.rank(ofWord:)`.
    init(examples: some Sequence<String>, rank: @escaping @Sendable (String) -> Int?) {
        var counts: [String: Int] = [:]
        for text in examples {
            for word in Self.words(Array(text.utf8)) { counts[String(decoding: word.bytes, as: UTF8.self), default: 0] += 1 }
        }
        self.counts = counts
        self.rank = rank
    }

    /// The text with its words corrected; nil when none was. Cost: one lookup a word, and about 50 a letter of an unknown word.
    func corrected(_ text: String) -> String? {
        let bytes = Array(text.utf8)
        let isAllCapitals = !bytes.contains { UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 }
        var corrected: [UInt8] = []
        var (copied, unknown) = (0, 0)
        for word in Self.words(bytes) where word.bytes.count >= Self.shortest && word.bytes.count <= Self.longest {
            if word.isQuoted || word.isCapital && !isAllCapitals { continue }
            guard !isKnown(word.bytes) else { continue }
            unknown += 1
            guard unknown <= Self.mostUnknown else { break }
            guard let better = nearest(word.bytes) else { continue }
            corrected += bytes[copied..<word.range.lowerBound] + Array(better.utf8)
            copied = word.range.upperBound
        }
        guard copied > 0 else { return nil }
        return String(decoding: corrected + bytes[copied...], as: UTF8.self)
    }

    /// A word that occurs once may be a typo itself.
    private func isKnown(_ word: String) -> Bool { counts[word, default: 0] > 1 || rank(word) != nil }

    /// The word itself, or the word without the ending of a plural or of a verb: vocabularies have few such forms, and few typos make one.
    private func isKnown(_ word: [UInt8]) -> Bool {
        if isKnown(String(decoding: word, as: UTF8.self)) { return true }
        return Self.endings.contains { ending in
            let stem = word.dropLast(ending.count)
            return stem.count >= 3 && word.suffix(ending.count).elementsEqual(ending) && isKnown(String(decoding: stem, as: UTF8.self))
        }
    }

    private func nearest(_ word: [UInt8]) -> String? {
        var best: (word: String, count: Int, rank: Int)?
        func look(_ bytes: [UInt8]) {
            let candidate = String(decoding: bytes, as: UTF8.self)
            let count = counts[candidate, default: 0]
            let rank = rank(candidate)
            guard count > 1 || rank != nil else { return }
            let place = rank ?? .max
            if let best, (best.count, -best.rank) >= (count, -place) { return }
            best = (candidate, count, place)
        }
        for place in word.indices {
            var shorter = word
            shorter.remove(at: place)
            if shorter.count >= 3 { look(shorter) }
            if place + 1 < word.count, word[place] != word[place + 1] {
                var swapped = word
                swapped.swapAt(place, place + 1)
                look(swapped)
            }
            for letter in Self.letters where letter != word[place] {
                var replaced = word
                replaced[place] = letter
                look(replaced)
            }
        }
        for place in 0...word.count {
            for letter in Self.letters {
                var longer = word
                longer.insert(letter, at: place)
                look(longer)
            }
        }
        return best?.word
    }

    private struct Word {
        var range: Range<Int>
        /// In lower case.
        var bytes: [UInt8]
        /// All of its letters are capitals. In a text that also has small letters such a word is a name.
        var isCapital: Bool
        /// A single word in quotation marks, which is a name, too.
        var isQuoted: Bool
    }

    /// Runs of ASCII letters between spaces and punctuation. A name in code, a path or an address is no word. Only the first letter, or
    /// all of them, may be capitals.
    private static func words(_ text: [UInt8]) -> [Word] {
        var words: [Word] = []
        var start = 0
        while start < text.count {
            guard !isSpace(text[start]) else {
                start += 1
                continue
            }
            var end = start
            while end < text.count, !isSpace(text[end]) { end += 1 }
            var (first, last) = (start, end)
            while first < last, opening.contains(text[first]) { first += 1 }
            while last > first, closing.contains(text[last - 1]) { last -= 1 }
            let part = text[first..<last]
            if !part.isEmpty, part.allSatisfy({ isLetter($0) }) {
                let tail = part.dropFirst()
                if tail.allSatisfy({ $0 >= 97 }) || part.allSatisfy({ $0 < 97 }) { 
                    let isQuoted = first > start && last < end && quotes.contains(text[first - 1]) && quotes.contains(text[last])
                    words.append(
                        Word(range: first..<last, bytes: part.map { $0 | 32 }, isCapital: part.allSatisfy { $0 < 97 }, isQuoted: isQuoted))
                }
            }
            start = end
        }
        return words
    }

    private static let opening = Set("\"'([".utf8)
    private static let closing = Set("\"')],.?!;:".utf8)
    private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }
    private static func isLetter(_ byte: UInt8) -> Bool { (65...90).contains(byte) || (97...122).contains(byte) }
}
