import Embeddings
import Foundation
import JSON
import Testing

@testable import Memory

@Suite("Features of a request and a question")
struct PairFeaturesTests {
    private struct Pair: Sendable {
        var request: String
        var fact: String
        var features: [Float]
        var score: Float
    }

    private func pairs() throws -> (names: [String], pairs: [Pair]) {
        let data = try Data(contentsOf: GateEncoder.tests.appendingPathComponent("Fixtures/gate.json"))
        let root = JSONCursor(try JSONValue.parse(Array(data)))
        let names = try root["names"].array().map { try $0.string() }
        let pairs = try root["pairs"].array().map { row in
            Pair(
                request: try row["request"].string(), fact: try row["fact"].string(),
                features: try row["features"].array().map { Float(try $0.double()) }, score: Float(try row["score"].double()))
        }
        return (names, pairs)
    }

    private func measure(_ pair: Pair, _ embedder: EncoderEmbedder, _ vocabulary: WordVocabulary) throws -> PairFeatures {
        let keys = try embedder.pieces(of: [pair.request, pair.fact]).map { FactKey($0) }
        var (request, fact) = (ComparedText(), ComparedText())
        request.prepare(keys[0].pieces, dimension: 384, vocabulary: vocabulary)
        fact.prepare(keys[1].pieces, dimension: 384, vocabulary: vocabulary)
        var cosine: Float = 0
        for (a, b) in zip(keys[0].sentence, keys[1].sentence) { cosine += Float(a) * Float(b) }
        var comparison = PairComparison()
        return comparison.features(request, keys[0], fact, keys[1], cosine: cosine * keys[0].scale * keys[1].scale)
    }

    @Test("are those of the script that trained the weights, and so is the score")
    func fixture() throws {
        let (names, pairs) = try pairs()
        #expect(names.count == GateWeights.trained.values.count && pairs.count == 16)
        let embedder = try GateEncoder.reference.get()
        let vocabulary = WordVocabulary(embedder)
        for pair in pairs {
            let found = try measure(pair, embedder, vocabulary)
            for (name, (a, b)) in zip(names, zip(found.values, pair.features)) {
                #expect(abs(a - b) < 0.01, "\(name) of ‘\(pair.request)’ and ‘\(pair.fact)’: \(a), the script has \(b)")
            }
            #expect(abs(GateWeights.trained.score(found) - pair.score) < 0.1, "\(pair.request)")
        }
    }

    @Test("the fast encoder's differ little")
    func fast() throws {
        let embedder = try GateEncoder.fast.get()
        let vocabulary = WordVocabulary(embedder)
        for pair in try pairs().pairs {
            let score = GateWeights.trained.score(try measure(pair, embedder, vocabulary))
            #expect(abs(score - pair.score) < 0.5, "\(pair.request): \(score), the script has \(pair.score)")
        }
    }

    @Test("a key of a text has its vectors to half a step, and zero vectors stay zero")
    func rounding() {
        let text = TextPieces(sentence: [0.5, -1, 0.25], tokens: [7, 8], words: [0, 70_000], vectors: [0, 0, 0, 3, -6, 1])
        let key = FactKey(text)
        #expect(key.sentence == [64, -127, 32] && key.scale == 1 / 127)
        #expect(key.pieces.tokens == [7, 8] && key.pieces.words == [0, .max])
        #expect(key.pieces.vectors == [0, 0, 0, 64, -127, 21] && key.pieces.scales == [0, 6 / 127])
    }
}
