/// Mends words that are misspelt by one letter, before a text is embedded: an encoder takes a misspelt word for another one, and one
/// typo would turn one decision in eight.
///
/// A word of 4 letters and more that neither the encoder nor the examples know is replaced by a known one that is one edit away: a
/// letter left out, put in, replaced, or two that changed places. Of several, the one that is commonest in the examples, then in
/// the encoder's vocabulary. Words with digits, other than lower-case letters inside, or signs of code
/// around stay as they are, and so do those in quotation marks by themselves, or in capitals among others.
struct Spelling: Sendable {
    private static let shortest = 4
    private static let longest = 24
    /// Unknown words of a text that are looked at: people's texts have few, and each costs some hundred look-ups.
    private static let mostUnknown = 8
    private static let endings = ["s", "ed", "ing"].map { Array($0.utf8) }
    private static let quotes = Array("\"'`".utf8)
    private static let letters = Array(UInt8(ascii: "a")...UInt8(ascii: "z"))

    /// How often each word comes in the examples.
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

    /// The text with its words mended; nil when none was. Cost: a look-up a word, and about 50 a letter of an unknown one.
    func mended(_ text: String) -> String? {
        let bytes = Array(text.utf8)
        let isLoud = !bytes.contains { UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 }
        var mended: [UInt8] = []
        var (copied, unknown) = (0, 0)
        for word in Self.words(bytes) where word.bytes.count >= Self.shortest && word.bytes.count <= Self.longest {
            if word.isQuoted || word.isCapital && !isLoud { continue }
            guard !isKnown(word.bytes) else { continue }
            unknown += 1
            guard unknown <= Self.mostUnknown else { break }
            guard let better = nearest(word.bytes) else { continue }
            mended += bytes[copied..<word.range.lowerBound] + Array(better.utf8)
            copied = word.range.upperBound
        }
        guard copied > 0 else { return nil }
        return String(decoding: mended + bytes[copied...], as: UTF8.self)
    }

    /// A word that comes once may be a typo itself.
    private func isKnown(_ word: String) -> Bool { counts[word, default: 0] > 1 || rank(word) != nil }

    /// As it is, or without the ending of a plural or of a verb: vocabularies have few of these, and few typos make one.
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
        /// All of its letters are: in a text that is not, a name.
        var isCapital: Bool
        /// By itself in quotation marks: a name, too.
        var isQuoted: Bool
    }

    /// Runs of ASCII letters between spaces, full stops and the like; a name in code, a path or an address is no word. Only the
    /// first letter, or all of them, may be capital.
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
