import Generation
import Synchronization

/// An embedder that embeds each text once: measurements need the same texts in many settings.
final class RememberedEmbedder: TextEmbedder {
    private let embedder: any TextEmbedder
    private let known = Mutex([String: (vector: [Float], features: [Float])]())

    init(_ embedder: any TextEmbedder) { self.embedder = embedder }

    var dimension: Int { embedder.dimension }
    var featureDimension: Int { embedder.featureDimension }
    var distanceRange: Range<Int> { embedder.distanceRange }
    var identity: String { embedder.identity }
    var name: String { embedder.name }
    var maxTokens: Int { embedder.maxTokens }
    func rank(ofWord word: String) -> Int? { embedder.rank(ofWord: word) }
    func embed(_ texts: [String]) throws -> EmbeddedTexts { try embedder.embed(texts) }

    func features(of texts: [String]) throws -> TextFeatures {
        let missing = known.withLock { known in texts.filter { known[$0] == nil } }
        if !missing.isEmpty {
            let found = try embedder.features(of: missing)
            known.withLock { known in
                for (row, text) in missing.enumerated() {
                    known[text] = (
                        Array(found.vectors[row * dimension..<(row + 1) * dimension]),
                        Array(found.features[row * featureDimension..<(row + 1) * featureDimension])
                    )
                }
            }
        }
        var features = TextFeatures(vectors: [], features: [], tokenCounts: [], tokenizeMicroseconds: 0, embedMicroseconds: 0)
        known.withLock { known in
            for text in texts {
                guard let entry = known[text] else { continue }
                features.vectors += entry.vector
                features.features += entry.features
                features.tokenCounts.append(0)
            }
        }
        return features
    }
}
