/// The words of a text with the places of their pieces, made ready to be compared. Its memory is used again for the next text.
struct ComparedText {
    struct Word {
        var word: WordVocabulary.Word
        /// Of `rows`.
        var pieces: Range<Int>
    }

    private(set) var words: [Word] = []
    /// Rows of the text's vectors that belong to words, rising: punctuation is left out.
    private(set) var rows: [Int] = []
    /// The rarity of the word of each of `rows`.
    private(set) var rarities: [Float] = []
    /// Of all words together: a bit for each kind of question.
    private(set) var asks: UInt8 = 0
    private(set) var asksForAmount = false
    private(set) var negates = false
    private(set) var hasUnknown = false
    /// The mean of the vectors of words that are no names, of length 1, `[dimension]`; zero if there are none.
    private(set) var nameless: [Float] = []

    mutating func prepare(_ pieces: FactKey.Pieces, dimension: Int, vocabulary: WordVocabulary) {
        words.removeAll(keepingCapacity: true)
        rows.removeAll(keepingCapacity: true)
        rarities.removeAll(keepingCapacity: true)
        (asks, asksForAmount, hasUnknown) = (0, false, false)
        split(pieces, vocabulary)
        for (place, following) in words.indices.dropFirst().enumerated() {
            switch (words[place].word.role, words[following].word.role) {
            case (.month, _): words[place].word.rarity = words[following].word.rarity == 0 ? 0 : WordVocabulary.name
            case (.how, .amount): asksForAmount = true
            default: break
            }
        }
        negates = words.contains { $0.word.role == .negation }
        for word in words { rarities.append(contentsOf: repeatElement(word.word.rarity, count: word.pieces.count)) }
        average(pieces, dimension: dimension)
    }

    private mutating func split(_ pieces: FactKey.Pieces, _ vocabulary: WordVocabulary) {
        var start = 0
        while start < pieces.count {
            var end = start + 1
            while end < pieces.count, pieces.words[end] == pieces.words[start] { end += 1 }
            if (start..<end).contains(where: { vocabulary[pieces.tokens[$0]].isWord }) {
                let word = vocabulary.word(pieces.tokens[start..<end])
                words.append(Word(word: word, pieces: rows.count..<rows.count + end - start))
                rows.append(contentsOf: start..<end)
                asks |= word.asks
                hasUnknown = hasUnknown || word.isUnknown
            }
            start = end
        }
    }

    private mutating func average(_ pieces: FactKey.Pieces, dimension: Int) {
        if nameless.count != dimension { nameless = [Float](repeating: 0, count: dimension) }
        nameless.withUnsafeMutableBufferPointer { mean in
            mean.update(repeating: 0)
            pieces.vectors.withUnsafeBufferPointer { vectors in
                for word in words where !word.word.isName {
                    for row in rows[word.pieces] {
                        let scale = pieces.scales[row]
                        for column in 0..<dimension { mean[column] += scale * Float(vectors[row * dimension + column]) }
                    }
                }
            }
            let squares = mean.reduce(Float(0)) { $0 + $1 * $1 }
            guard squares > 0 else { return }
            let factor = 1 / squares.squareRoot()
            for column in 0..<dimension { mean[column] *= factor }
        }
    }
}
