import Embeddings
import Foundation
import JSON
import Models
import Tensors
import TestSupport
import Testing
import Tokenizers
import Weights

/// Fixtures by scripts/fixtures/static_vectors.py.
@Suite("Static embedder")
struct StaticEmbedderTests {
    private static let root = EncoderEmbedderTests.folder.replacing("/models/encoder", with: "")
    private static let fixtures = "\(root)/Tests/EmbeddingsTests/Fixtures"
    private static let small = "\(fixtures)/static"
    private static let real = "\(root)/models/static"

    /// The greatest difference to what the package wordllama makes of the stored texts.
    private func difference(_ embedder: StaticEmbedder, _ stored: String) throws -> Float {
        let file = try SafetensorsFile.open("\(Self.fixtures)/\(stored)")
        let texts = try JSONCursor(try JSONValue.parse(try #require(file.metadata["texts"]))).array().map { try $0.string() }
        let vectors = try file.tensor("vectors", shape: [texts.count, embedder.dimension]).floats()
        let found = try embedder.embed(texts)
        #expect(texts.count == 20 && found.tokenCounts.allSatisfy { $0 > 0 })
        return zip(found.vectors, vectors).reduce(0) { max($0, abs($1.0 - $1.1)) }
    }

    @Test("vectors are those of the package wordllama")
    func small() throws {
        let embedder = try StaticEmbedder(folder: Self.small)
        #expect(embedder.dimension == 24 && embedder.name == "static" && embedder.featureDimension == 24)
        #expect(try difference(embedder, "static.safetensors") < 1e-6)
    }

    @Test("with the real table, too", .enabled(if: FileManager.default.fileExists(atPath: real), "needs scripts/models static"))
    func wordLlama() throws {
        let embedder = try StaticEmbedder(folder: Self.real)
        #expect(try difference(embedder, "wordllama.safetensors") < 1e-6)
        let (the, weather) = (try #require(embedder.rank(ofWord: "the")), try #require(embedder.rank(ofWord: "weather")))
        #expect(the < weather && embedder.rank(ofWord: "weathre") == nil && embedder.rank(ofWord: "▁the") == nil)
    }

    @Test("a text alone gets what it gets among others; no text gets zeros")
    func alone() throws {
        let embedder = try StaticEmbedder(folder: Self.small)
        let texts = ["list all files", "", "how many rivers", "list all files"]
        let all = try embedder.features(of: texts)
        for (number, text) in texts.enumerated() {
            #expect(try embedder.embed([text]).vectors == Array(all.vectors[24 * number..<24 * number + 24]))
        }
        #expect(all.vectors[24..<48].allSatisfy { $0 == 0 } && all.tokenCounts[1] == 0 && all.features == all.vectors)
        #expect(try embedder.embed([]).vectors.isEmpty)
        let long = try embedder.embed([String(repeating: "a b ", count: 100_000)])
        #expect(long.tokenCounts == [embedder.maxTokens] && long.vectors.allSatisfy(\.isFinite))
    }

    @Test("a text's tokens, as text again, get the text's vector")
    func tokensAndBack() throws {
        let embedder = try StaticEmbedder(folder: Self.small)
        let tokens = embedder.tokens(of: "list all files", most: 100)
        let again = try #require(embedder.text(of: tokens))
        #expect(try embedder.embed([again]).vectors == embedder.embed(["list all files"]).vectors)
        #expect(embedder.tokens(of: "list all files", most: 2) == Array(tokens.prefix(2)))
        #expect(embedder.text(of: [1_000_000]) == nil && embedder.text(of: [-1]) == nil)
    }

    @Test("features do not tell capitals apart, vectors do")
    func capitals() throws {
        let embedder = try StaticEmbedder(folder: Self.small)
        let found = try embedder.features(of: ["List ALL Files", "list all files", "LIST ÀLL files"])
        #expect(found.features[0..<24] == found.features[24..<48] && found.vectors[0..<24] != found.vectors[24..<48])
        #expect(found.features[24..<48] == found.vectors[24..<48])
        #expect(try embedder.features(of: ["list àll files"]).features == Array(found.features[48...]))
    }

    @Test("a folder is opened as what it holds")
    func kinds() throws {
        let pool = WorkerPool(threads: 1)
        #expect(try EncoderFolder.open(Self.small, precision: .fast, pool: pool) is StaticEmbedder)
        #expect(try EncoderFolder.open(EncoderEmbedderTests.folder, precision: .fast, pool: pool) is EncoderEmbedder)
        #expect(!StaticEmbedder.isStatic(folder: "\(Self.fixtures)/none"))
    }

    @Test("another content is another identity; files that contradict each other are refused")
    func refused() throws {
        let folder = NSTemporaryDirectory() + "lmoe-static-\(UUID().uuidString)"
        try FileManager.default.copyItem(atPath: Self.small, toPath: folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func write(_ shape: [Int]) throws {
            let values = [Float](repeating: 0.5, count: shape.reduce(1, *))
            let view = try #require(values.withUnsafeBytes { TensorView(name: "embedding.weight", dtype: .f32, shape: shape, copying: $0) })
            try SafetensorsWriter.write([view], to: "\(folder)/model.safetensors")
        }
        let first = try StaticEmbedder(folder: folder)
        #expect(first.identity == (try StaticEmbedder(folder: Self.small)).identity)
        let rows = try SafetensorsFile.open("\(Self.small)/model.safetensors").tensor("embedding.weight").shape[0]
        try write([rows, 4])
        let other = try StaticEmbedder(folder: folder)
        #expect(other.dimension == 4 && other.identity != first.identity)
        try write([rows - 1, 4])
        let short = #expect(throws: EmbeddingError.self) { try StaticEmbedder(folder: folder) }
        #expect(short?.code == .malformed && short?.message.contains("\(rows) tokens") == true)
        try write([rows])
        #expect(throws: EmbeddingError.self) { try StaticEmbedder(folder: folder) }
        try write([rows, 4])
        try FileManager.default.removeItem(atPath: "\(folder)/tokenizer.json")
        #expect(throws: TokenizerError.self) { try StaticEmbedder(folder: folder) }
    }

    @Test("a table that another process truncates is an error, not zeros and not the end of the process")
    func truncatedTable() throws {
        let folder = try TemporaryFolder()
        for name in ["tokenizer.json", "model.safetensors"] {
            try folder.write(Array(try Data(contentsOf: URL(fileURLWithPath: "\(Self.small)/\(name)"))), to: name)
        }
        let embedder = try StaticEmbedder(folder: folder.path)
        _ = try embedder.embed(["how many rivers run through texas"])
        #expect(truncate(folder.place("model.safetensors"), 0) == 0)
        #expect(throws: EmbeddingError.self) { try embedder.embed(["how many rivers run through texas"]) }
        #expect(throws: EmbeddingError.self) { try embedder.features(of: ["rivers"]) }
    }
}
