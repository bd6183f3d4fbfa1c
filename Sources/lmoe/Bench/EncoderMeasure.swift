import Generation

/// The router's encoder: one text at a time, as requests come, and many, as an index is built.
struct EncoderMeasure {
    /// Seconds of one text by its tokens, special ones included.
    let single: [(tokens: Int, samples: Samples)]
    /// Of 64 texts of 32 tokens at once.
    let batchTokensPerSecond: Double

    init(_ embedder: any TextEmbedder, repeats: Int) throws {
        single = try [32, 128].map { length in
            let text = Self.text(length)
            let tokens = try embedder.embed([text]).tokenCounts[0]
            // Texts of different words, so that nothing is remembered.
            return (
                tokens, Samples(try (0..<10 * repeats).map { turn in
                    let text = Self.text(length, turn)
                    return try elapsed { _ = try embedder.embed([text]) }
                })
            )
        }
        let texts = (0..<64).map { Self.text(32, $0) }
        var tokens = 0
        let seconds = Samples(
            try (0..<repeats + 1).map { _ in
                try elapsed { tokens = try embedder.embed(texts).tokenCounts.reduce(0, +) }
            })
        batchTokensPerSecond = Double(tokens) / seconds.median
    }

    private static let words = ["river", "garden", "letter", "winter", "market", "engine", "doctor", "house", "paper", "music"]

    /// Words that are one token each, with room for the two special ones.
    private static func text(_ tokens: Int, _ turn: Int = 0) -> String {
        (0..<tokens - 2).map { words[($0 * 7 + turn * 3 + $0 / 5) % words.count] }.joined(separator: " ")
    }
}
