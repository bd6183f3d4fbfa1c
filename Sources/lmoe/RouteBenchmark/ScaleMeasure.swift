import Foundation
import Generation
import Routing

/// Measures routing over many more adapters than a data set has intents. Each adapter is an intent whose examples' features are moved by
/// the difference of two other real texts, so that adapters differ from each other and their examples spread as real ones do.
struct ScaleMeasure {
    struct Figures {
        var indexSeconds = 0.0
        /// With the cache that the index before left.
        var startSeconds = 0.0
        var decisionMicroseconds = 0.0
        /// For texts of the test split, drawn together with the adapters that they are moved to.
        var accuracy = 0.0
        var addSeconds = 0.0
        /// The memory that a start from the cache, and training, add to the process for good, without pages of mapped files.
        var startBytes = 0
        var learningBytes = 0
    }

    private static let examples = 100
    private static let queries = 1000

    let data: IntentDataset
    let embedder: any TextEmbedder
    let adapters: Int
    /// The folder of embedded examples: gigabytes for 10,000 adapters.
    let cache: String

    func figures() throws -> Figures {
        let moved = try MovedEmbedder(data, embedder, adapters: adapters)
        let definitions = (0..<adapters).map { adapter in
            RouteDefinition(adapter: "made-\(adapter)", examples: (0..<Self.examples).map { MovedEmbedder.name(adapter, $0) })
        }
        var figures = Figures()
        let clock = ContinuousClock()
        func seconds(_ body: () throws -> Void) rethrows -> Double {
            let start = clock.now
            try body()
            return (clock.now - start) / .seconds(1)
        }
        // The texts are names, not words.
        var policy = RoutePolicy()
        policy.correctsSpelling = false
        let router = Router(embedder: moved, policy: policy, cacheFolder: cache)
        func anonymous() -> Int { ProcessMemory.now("").anonymous }
        let before = anonymous()
        figures.indexSeconds = try seconds { try router.update(definitions) }
        let learned = anonymous()
        let again = Router(embedder: moved, policy: policy, cacheFolder: cache)
        figures.startSeconds = try seconds { try again.update(definitions) }
        (figures.learningBytes, figures.startBytes) = (learned - before, anonymous() - learned)
        var times: [Double] = []
        var random = SeededGenerator(seed: 5)
        for _ in 0..<Self.queries {
            let adapter = Int.random(in: 0..<adapters, using: &random)
            let features = moved.query(adapter, &random)
            let start = clock.now
            let decision = again.decide(RouteQuery(text: "made", top: 5), embedded: features)
            times.append((clock.now - start) / .microseconds(1))
            if decision.candidates.first?.adapter == "made-\(adapter)" { figures.accuracy += 1 / Double(Self.queries) }
        }
        figures.decisionMicroseconds = times.sorted()[times.count / 2]
        try router.update(Array(definitions.dropLast()))
        figures.addSeconds = try seconds { try router.update(definitions) }
        return figures
    }
}

/// Features of real texts, moved, by name.
private struct MovedEmbedder: TextEmbedder {
    private let byIntent: [[Row]]
    private let held: [[Row]]
    private let all: [Row]
    private let base: any TextEmbedder

    private struct Row {
        var vector: [Float]
        var features: [Float]
    }

    /// The share of the difference that is added.
    private static let distance: Float = 0.35

    var dimension: Int { base.dimension }
    var featureDimension: Int { base.featureDimension }
    var distanceRange: Range<Int> { base.distanceRange }
    var identity: String { "moved-\(base.identity)" }
    var name: String { base.name }
    var maxTokens: Int { base.maxTokens }

    static func name(_ adapter: Int, _ example: Int) -> String { "\(adapter) \(example)" }

    init(_ data: IntentDataset, _ base: any TextEmbedder, adapters: Int) throws {
        self.base = base
        func rows(_ examples: [IntentDataset.Example]) throws -> [[Row]] {
            let grouped = Dictionary(grouping: examples, by: \.intent)
            return try data.intents.map { intent in
                let texts = (grouped[intent] ?? []).map(\.text)
                let found = try base.features(of: texts)
                return texts.indices.map { row in
                    Row(
                        vector: Array(found.vectors[row * base.dimension..<(row + 1) * base.dimension]),
                        features: Array(found.features[row * base.featureDimension..<(row + 1) * base.featureDimension]))
                }
            }
        }
        byIntent = try rows(data.train)
        held = try rows(data.test)
        all = byIntent.flatMap { $0 }
    }

    func embed(_ texts: [String]) throws -> EmbeddedTexts {
        let features = try features(of: texts)
        return EmbeddedTexts(vectors: features.vectors, tokenCounts: texts.map { _ in 1 }, tokenizeMicroseconds: 0, embedMicroseconds: 0)
    }

    func features(of texts: [String]) throws -> TextFeatures {
        var rows: [Row] = []
        for text in texts {
            let numbers = text.split(separator: " ").compactMap { Int($0) }
            guard numbers.count == 2 else {
                let found = try base.features(of: [text])
                rows.append(Row(vector: found.vectors, features: found.features))
                continue
            }
            let intent = byIntent[numbers[0] % byIntent.count]
            rows.append(moved(intent[numbers[1] % intent.count], numbers[0]))
        }
        return TextFeatures(
            vectors: rows.flatMap(\.vector), features: rows.flatMap(\.features), tokenCounts: texts.map { _ in 1 }, tokenizeMicroseconds: 0,
            embedMicroseconds: 0)
    }

    /// A text of the test split that belongs to an adapter.
    func query(_ adapter: Int, _ random: inout SeededGenerator) -> TextFeatures {
        let intent = held[adapter % held.count]
        let row = moved(intent[Int.random(in: 0..<intent.count, using: &random)], adapter)
        return TextFeatures(vectors: row.vector, features: row.features, tokenCounts: [1], tokenizeMicroseconds: 0, embedMicroseconds: 0)
    }

    private func moved(_ row: Row, _ adapter: Int) -> Row {
        var random = SeededGenerator(seed: UInt64(adapter))
        let (one, other) = (all[Int.random(in: 0..<all.count, using: &random)], all[Int.random(in: 0..<all.count, using: &random)])
        func sum(_ own: [Float], _ one: [Float], _ other: [Float]) -> [Float] {
            var result = own.indices.map { own[$0] + Self.distance * (one[$0] - other[$0]) }
            let length = result.reduce(0) { $0 + $1 * $1 }.squareRoot()
            for index in result.indices { result[index] /= length }
            return result
        }
        return Row(vector: sum(row.vector, one.vector, other.vector), features: sum(row.features, one.features, other.features))
    }
}
