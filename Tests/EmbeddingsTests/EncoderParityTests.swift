import Embeddings
import JSON
import Models
import Tensors
import Testing
import Weights

@Suite("The real encoder against transformers")
struct EncoderParityTests {
    private static let root = EncoderEmbedderTests.folder.replacing("/models/encoder", with: "")

    /// Least cosine to the stored vectors, over the texts of at most 256 tokens; the others are cut by the embedder.
    private func leastCosine(_ precision: ModelPrecision) throws -> Float {
        let file = try SafetensorsFile.open("\(Self.root)/Tests/ModelsTests/Fixtures/encoder.safetensors")
        let texts = try JSONCursor(try JSONValue.parse(try #require(file.metadata["texts"]))).array().map { try $0.string() }
        let stored = try #require(file.tensors["vectors_f16"]).floats()
        let lengths = try #require(file.tensors["lengths"]).withUnsafeBytes { Array($0.bindMemory(to: Int32.self)) }
        let embedder = try EncoderEmbedder(
            folder: EncoderEmbedderTests.folder, precision: precision, pool: WorkerPool(threads: 2))
        #expect(embedder.dimension == 384 && embedder.maxTokens == 256 && embedder.name == "encoder")
        #expect(embedder.identity.hasSuffix("-\(precision)"))
        let found = try embedder.embed(texts)
        var least: Float = 1
        var compared = 0
        for text in texts.indices where lengths[text] <= 256 {
            #expect(found.tokenCounts[text] == Int(lengths[text]))
            var (dot, squares): (Float, Float) = (0, 0)
            for column in 0..<384 {
                dot += found.vectors[text * 384 + column] * stored[text * 384 + column]
                squares += stored[text * 384 + column] * stored[text * 384 + column]
            }
            least = min(least, dot / squares.squareRoot())
            compared += 1
        }
        #expect(compared >= 200)
        print("encoder, \(precision): least cosine \(least) over \(compared) texts")
        return least
    }

    @Test("reference path: cosine at least 0.9999 on each text")
    func reference() throws { #expect(try leastCosine(.reference) >= 0.9999) }

    @Test("fast path: cosine at least 0.999 on each text")
    func fast() throws { #expect(try leastCosine(.fast) >= 0.999) }

    @Test("many threads get what one gets")
    func threads() async throws {
        let embedder = try EncoderEmbedder(
            folder: EncoderEmbedderTests.folder, precision: .fast, pool: WorkerPool(threads: 2))
        let texts = ["how many rivers run through texas", "list all files", "a", "what is the weather like in the mountains today"]
        let wanted = try embedder.embed(texts).vectors
        await withTaskGroup(of: Bool.self) { group in
            for first in 0..<8 {
                group.addTask {
                    let rotated = (0..<texts.count).map { texts[($0 + first) % texts.count] }
                    guard let found = try? embedder.embed(rotated).vectors else { return false }
                    return texts.indices.allSatisfy { place in
                        let text = (place + first) % texts.count
                        return found[place * 384..<(place + 1) * 384] == wanted[text * 384..<(text + 1) * 384]
                    }
                }
            }
            for await equal in group { #expect(equal) }
        }
    }
}
