public import Generation
public import Synchronization

/// A bag of words hashed into 64 dimensions: similar texts share words. Counts what it embeds.
public final class WordEmbedder: TextEmbedder {
    public let dimension = 64
    public let identity: String
    public let name = "words"
    public let maxTokens = 256
    public let embeddedTexts = Mutex(0)

    public init(identity: String = "words-1") {
        self.identity = identity
    }

    public func embed(_ texts: [String]) throws -> EmbeddedTexts {
        embeddedTexts.withLock { $0 += texts.count }
        var vectors: [Float] = []
        for text in texts {
            var row = [Float](repeating: 0, count: dimension)
            for word in text.lowercased().split(whereSeparator: { !$0.isLetter }) {
                let hash = word.utf8.reduce(UInt64(14_695_981_039_346_656_037)) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }
                row[Int(hash % 64)] += 1
            }
            let norm = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
            vectors += row.map { norm > 0 ? $0 / norm : 0.125 }
        }
        return EmbeddedTexts(
            vectors: vectors, tokenCounts: texts.map { $0.split(separator: " ").count }, tokenizeMicroseconds: 1,
            embedMicroseconds: 2)
    }
}
