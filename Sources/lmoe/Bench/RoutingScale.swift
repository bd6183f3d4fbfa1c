import Foundation
import Generation
import Generation
import Routing

/// Microseconds of decisions over as many adapters as no folder here has: made examples, whose vectors are random.
struct RoutingScale {
    static let examples = 10
    let adapters: Int
    /// Search and decision, given the text's vector.
    let decision: Double
    /// With tokenizing and embedding.
    let total: Double
    /// To build the index and calibrate it, vectors given.
    let indexSeconds: Double

    init(adapters: Int, encoder: any TextEmbedder, repeats: Int) throws {
        self.adapters = adapters
        let router = Router(embedder: HalfRandomEmbedder(encoder: encoder))
        let definitions = (0..<adapters).map { adapter in
            RouteDefinition(
                adapter: "made-\(adapter)",
                examples: (0..<Self.examples).map { "\(HalfRandomEmbedder.prefix)\(adapter) \($0)" })
        }
        indexSeconds = try elapsed { try router.update(definitions) }
        let timings = try RoutingMeasure.timings(router, repeats: repeats)
        decision = Samples(timings.map(\.searchMicroseconds)).median
        total = Samples(timings.map(\.totalMicroseconds)).median
    }
}

/// Real vectors for real texts, random ones for those that only fill an index.
private struct HalfRandomEmbedder: TextEmbedder {
    static let prefix = "made example "
    let encoder: any TextEmbedder
    var dimension: Int { encoder.dimension }
    var identity: String { "random-\(encoder.identity)" }
    var name: String { encoder.name }
    var maxTokens: Int { encoder.maxTokens }

    func embed(_ texts: [String]) throws -> EmbeddedTexts {
        guard texts.first?.hasPrefix(Self.prefix) == true else { return try encoder.embed(texts) }
        var vectors: [Float] = []
        vectors.reserveCapacity(texts.count * dimension)
        for text in texts { vectors += Self.unitVector(text, dimension) }
        return EmbeddedTexts(
            vectors: vectors, tokenCounts: texts.map { _ in 1 }, tokenizeMicroseconds: 0, embedMicroseconds: 0)
    }

    private static func unitVector(_ text: String, _ dimension: Int) -> [Float] {
        var source = BitSource(state: text.utf8.reduce(0) { $0 &* 31 &+ UInt64($1) })
        let vector = (0..<dimension).map { _ in Float(Int32(truncatingIfNeeded: source.next())) / Float(Int32.max) }
        let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return vector.map { $0 / norm }
    }
}
