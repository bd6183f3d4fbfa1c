import Embeddings
import Foundation
import Generation
import Models
import Testing
import Tokenizers

/// State of a token: its id in one column of two, and 1 in the other.
private struct FakeEncoder: HiddenStateSource {
    var hiddenSize: Int { 2 }
    var mostTokens: Int { 512 }

    func hiddenStates(of texts: [[Int32]], _ body: (Int, EncodedText) -> Void) {
        for (number, tokens) in texts.enumerated().reversed() {
            let means: [Float] = [3, 4, Float(tokens.count), 0]
            tokens.flatMap { [Float($0), 1] }.withUnsafeBufferPointer { states in
                means.withUnsafeBufferPointer { body(number, EncodedText(states: states, layerMeans: $0)) }
            }
        }
    }
}

@Suite("Encoder embedder")
struct EncoderEmbedderTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path + "/models/encoder"

    private func embedder(_ settings: EncoderSettings) throws -> EncoderEmbedder {
        EncoderEmbedder(
            name: "fake", identity: "1", tokenizer: try WordPieceTokenizer.load(folder: Self.folder), encoder: FakeEncoder(),
            settings: settings)
    }

    @Test("the real folder asks for the mean over at most 256 tokens")
    func settings() throws {
        #expect(try EncoderSettings(folder: Self.folder) == EncoderSettings(pooling: .mean, maximumTokens: 256))
    }

    @Test("vectors are in the order of the texts, of length 1, and those that a text gets alone")
    func order() throws {
        let embedder = try embedder(EncoderSettings(maximumTokens: 64))
        let texts = (0..<120).map { String(repeating: "word ", count: $0 % 90) + "\($0)" }
        let all = try embedder.embed(texts)
        #expect(all.tokenCounts.max() == 64 && all.vectors.count == 240)
        for (number, text) in texts.enumerated() {
            let alone = try embedder.embed([text])
            let vector = Array(all.vectors[2 * number..<2 * number + 2])
            #expect(vector == alone.vectors)
            #expect(all.tokenCounts[number] == alone.tokenCounts[0])
            #expect(abs(vector[0] * vector[0] + vector[1] * vector[1] - 1) < 1e-6)
        }
    }

    @Test("the mean takes all tokens, the first only the first")
    func pooling() throws {
        // [CLS] and [SEP] are 101 and 102.
        let mean = try embedder(EncoderSettings(pooling: .mean)).embed([""]).vectors
        #expect(abs(mean[0] / mean[1] - 101.5) < 1e-3)
        let first = try embedder(EncoderSettings(pooling: .first)).embed([""]).vectors
        #expect(abs(first[0] / first[1] - 101) < 1e-3)
        #expect(try embedder(EncoderSettings()).embed([]).vectors.isEmpty)
    }

    @Test("features are five blocks of equal length, and a text's own")
    func features() throws {
        let embedder = try embedder(EncoderSettings())
        #expect(embedder.featureDimension == 10 && embedder.distanceRange == 2..<6)
        let found = try embedder.features(of: ["", "one two three"])
        #expect(found.vectors == (try embedder.embed(["", "one two three"]).vectors))
        let part = Float(1 / 5.0.squareRoot())
        // [3, 4] and [tokens, 0], then mean, greatest and first of 101 and 102 beside 1.
        func block(_ one: Float, _ other: Float) -> [Float] {
            let length = (one * one + other * other).squareRoot()
            return [one / length * part, other / length * part]
        }
        let expected = block(3, 4) + block(2, 0) + block(203, 2) + block(102, 1) + block(101, 1)
        #expect(zip(found.features, expected).allSatisfy { abs($0 - $1) < 1e-6 })
        #expect(Array(found.features[10...]) == (try embedder.features(of: ["one two three"]).features))
    }

    @Test("a text's pieces have their tokens, words and unit vectors, without the tokens around the text")
    func pieces() throws {
        let embedder = try embedder(EncoderSettings())
        let texts = ["Larsenberg's codes?", "", "one"]
        let found = try embedder.pieces(of: texts)
        let spelled = found.map { $0.tokens.map { embedder.spelling(ofPiece: $0) ?? "" } }
        #expect(spelled == [["larsen", "berg", "'", "s", "codes", "?"], [], ["one"]])
        #expect(found.map(\.words) == [[0, 0, 1, 2, 3, 4], [], [0]])
        #expect(found.flatMap(\.sentence) == (try embedder.embed(texts).vectors))
        // The state of a token is its id beside 1.
        let id = Float(found[2].tokens[0])
        #expect(abs(found[2].vectors[0] - id / (id * id + 1).squareRoot()) < 1e-6)
        #expect(abs(found[2].vectors[1] - 1 / (id * id + 1).squareRoot()) < 1e-6)
        #expect(found[0].vectors.count == 12 && found[1].vectors.isEmpty)
        #expect(embedder.spelling(ofPiece: Int32(embedder.vocabularySize)) == nil && embedder.spelling(ofPiece: -1) == nil)
        #expect(embedder.spelling(ofPiece: embedder.unknownPiece) == "[UNK]")
    }

    @Test("pieces of a text that is cut are those before the cut")
    func cutPieces() throws {
        let found = try embedder(EncoderSettings(maximumTokens: 5)).pieces(of: ["one two three four five"])
        #expect(found[0].tokens.count == 3 && found[0].words == [0, 1, 2])
        #expect(try embedder(EncoderSettings(maximumTokens: 1)).pieces(of: ["one"])[0].tokens.isEmpty)
    }

    @Test("a text's tokens, as text again, get the text's vector, and a longer text's first ones that of its beginning")
    func tokensAndBack() throws {
        let embedder = try embedder(EncoderSettings(maximumTokens: 64))
        for text in ["List all files, don't stop!", "unbelievably straße naïve 東京", "", "a [SEP] b", "x_y-z (1.5%)"] {
            let tokens = embedder.tokens(of: text, most: 100)
            #expect(tokens.first == 101 && tokens.last == 102)
            let again = try #require(embedder.text(of: tokens))
            #expect(try embedder.embed([again]).tokenCounts == embedder.embed([text.replacing("[SEP]", with: "")]).tokenCounts)
            if !text.contains("[SEP]") { #expect(try embedder.embed([again]).vectors == embedder.embed([text]).vectors, "\(text)") }
        }
        let long = String(repeating: "river delta ", count: 100)
        #expect(embedder.tokens(of: long, most: 65).count == 65 && embedder.tokens(of: "a", most: 65).count == 3)
        let cut = try #require(embedder.text(of: embedder.tokens(of: long, most: 6)))
        #expect(cut == "river delta river delta")
        #expect(embedder.text(of: [1_000_000]) == nil && embedder.text(of: [-1]) == nil)
    }

    @Test("words of the vocabulary have a rank, parts and others have none")
    func ranks() throws {
        let embedder = try embedder(EncoderSettings())
        let (the, river) = (try #require(embedder.rank(ofWord: "the")), try #require(embedder.rank(ofWord: "river")))
        #expect(the < river)
        #expect(embedder.rank(ofWord: "##ing") == nil && embedder.rank(ofWord: "rivver") == nil && embedder.rank(ofWord: "[CLS]") == nil)
    }

    @Test("settings that are not implemented are refused by name")
    func refused() throws {
        func error(_ files: [String: String]) throws -> EmbeddingError? {
            let folder = NSTemporaryDirectory() + "lmoe-encoder-\(UUID().uuidString)"
            try FileManager.default.createDirectory(atPath: folder + "/1_Pooling", withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            for (name, text) in files { try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)")) }
            return #expect(throws: EmbeddingError.self) { try EncoderSettings(folder: folder) }
        }
        let dense = try error(["modules.json": #"[{"type": "sentence_transformers.models.Dense", "path": "2_Dense"}]"#])
        #expect(dense?.code == .unsupported && dense?.message.contains("Dense") == true)
        let maximum = try error(["1_Pooling/config.json": #"{"pooling_mode_max_tokens": true}"#])
        #expect(maximum?.code == .unsupported && maximum?.message.contains("pooling_mode_max_tokens") == true)
        #expect(try error(["modules.json": #"[{"type": "x.Pooling", "path": "../other"}]"#])?.code == .malformed)
        #expect(try error(["sentence_bert_config.json": #"{"max_seq_length": 0}"#])?.code == .malformed)
        #expect(try error(["modules.json": "["])?.code == .malformed)
    }

    @Test("the identity follows the files' content and the precision")
    func identity() throws {
        let folder = NSTemporaryDirectory() + "lmoe-encoder-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func write(_ name: String, _ text: String) throws { try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)")) }
        func identity(_ precision: String = "fast") throws -> String {
            try EncoderFolder.identity(folder, precision: precision)
        }
        for name in ["config.json", "tokenizer.json", "model.safetensors"] { try write(name, "some content of \(name)") }
        let first = try identity()
        #expect(try identity() == first)
        #expect(try identity("reference") != first)
        try write("model.safetensors", "some content of model.safetensorz")
        #expect(try identity() != first)
        try write("model.safetensors", "some content of model.safetensors")
        #expect(try identity() == first)
        try write("modules.json", "[]")
        #expect(try identity() != first)
    }
}
