import Models
import Tokenizers

extension EncoderEmbedder {
    /// The number of tokens of the vocabulary; a piece's token is below it.
    public var vocabularySize: Int { tokenizer.vocabularySize }

    /// The token of words that the vocabulary cannot spell: two of them may be different words.
    public var unknownPiece: Int32 { tokenizer.unknownToken }

    /// How a piece is spelled, without the mark of pieces that continue a word; nil for a number outside the vocabulary.
    public func spelling(ofPiece token: Int32) -> String? { tokenizer.spelling(of: token) }

    /// Texts with the vectors of their word pieces, in order. Texts are cut to `maxTokens` as in `embed`, and the sentence vectors are
    /// the same. Synchronous and thread-safe. Cost: that of `embed`, and `[pieces, dimension]` floats a text.
    public func pieces(of texts: [String]) throws -> [TextPieces] {
        let around = tokenizer.tokensAround
        var found = [TextPieces?](repeating: nil, count: texts.count)
        try encode(texts) { text, tokens, encoded in
            var sentence = [Float](repeating: 0, count: dimension)
            pool(encoded.states, into: &sentence[...])
            let inner = around.before..<max(around.before, tokens.count - around.after)
            var word: Int32 = -1
            let words = tokens[inner].map { token in
                if word < 0 || !tokenizer.continuesWord(token) { word += 1 }
                return word
            }
            var vectors = Array(encoded.states[inner.lowerBound * dimension..<inner.upperBound * dimension])
            Self.scaleRows(&vectors, size: dimension)
            found[text] = TextPieces(sentence: sentence, tokens: Array(tokens[inner]), words: words, vectors: vectors)
        }
        return found.compactMap(\.self)
    }

    /// Each row to length 1, summed in f64 as the sentence vector is.
    private static func scaleRows(_ rows: inout [Float], size: Int) {
        for start in stride(from: 0, to: rows.count, by: size) {
            let squares = rows[start..<start + size].reduce(0.0) { $0 + Double($1) * Double($1) }
            guard squares > 0 else { continue }
            let scale = Float(1 / squares.squareRoot())
            for column in start..<start + size { rows[column] *= scale }
        }
    }
}
