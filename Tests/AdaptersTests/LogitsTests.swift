import Foundation
import Models
import Tensors
import Testing
import Weights

@testable import Adapters

extension StepWorkspace {
    /// On the f32 path.
    static func reference(_ files: ModelFiles, threads: Int) throws -> StepWorkspace {
        let pool = WorkerPool(threads: threads)
        return try StepWorkspace(DecoderWeights(files, precision: .reference, pool: pool), pool: pool)
    }
}

/// Whole models with adapters, on the f32 path, against the logits of peft.
@Suite struct LogitsTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    static let fixtures = "\(root)/Tests/AdaptersTests/Fixtures"

    /// `[tokens, vocabulary]` of one sequence.
    static func logits(_ decoder: StepWorkspace, _ tokens: [Int32], _ delta: AdapterDelta?) throws -> [Float] {
        let blocks = (tokens.count + KeyValueCache.blockTokens - 1) / KeyValueCache.blockTokens
        let cache = try decoder.weights.makeCache(blocks: blocks)
        var logits = [Float](repeating: 0, count: tokens.count * decoder.weights.configuration.vocabulary)
        let run = StepBatch.Run(
            tokens: 0..<tokens.count, startPosition: 0, blocks: (0..<Int32(blocks)).map { $0 }, delta: delta, logits: .all)
        logits.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            decoder.step(StepBatch(tokens: tokens, runs: [run]), cache: cache, logits: base)
        }
        return logits
    }

    static func values<Value>(_ file: SafetensorsFile, _ name: String, _: Value.Type) throws -> [Value] {
        try #require(file.tensors[name]).withUnsafeBytes { bytes in
            (0..<bytes.count / MemoryLayout<Value>.stride).map {
                bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Value>.stride, as: Value.self)
            }
        }
    }

    /// The greatest difference, against the greatest logit.
    static func error(_ found: [Float], _ expected: [Float]) -> Float {
        let scale = expected.reduce(1) { max($0, abs($1)) }
        return zip(found, expected).reduce(0) { max($0, abs($1.0 - $1.1)) } / scale
    }

    /// Rank and alpha patterns, rsLoRA, biases of B, layers and exclusions; f32, f16 and bf16 files.
    @Test(arguments: [
        ("plain", "llama"), ("patterns", "llama"), ("rslora", "qwen2"), ("bias", "qwen2"), ("layers", "llama"), ("half", "mistral"),
        ("gemma", "gemma3"),
    ])
    func tinyAdapters(name: String, base: String) throws {
        let files = try ModelFiles.open("\(Self.root)/Tests/ModelsTests/Fixtures/tiny/\(base)")
        let decoder = try StepWorkspace.reference(files, threads: 1)
        let store = AdapterStore(folder: "\(Self.fixtures)/tiny", base: files.configuration, budgetBytes: 1 << 20)
        let adapter = try store.acquire(name)
        try adapter.delta.validate(for: files.configuration)
        let expected = try SafetensorsFile.open("\(Self.fixtures)/tiny/\(name)/expected.safetensors")
        let tokens = try Self.values(expected, "tokens", Int32.self)
        let reference = try Self.values(expected, "logits", Float.self)
        let baseLogits = try Self.values(expected, "base", Float.self)
        #expect(try Self.error(Self.logits(decoder, tokens, nil), baseLogits) < 1e-4)
        #expect(try Self.error(Self.logits(decoder, tokens, adapter.delta), reference) < 1e-4)
        #expect(Self.error(baseLogits, reference) > 0.05, "the adapter changes the answers")
    }

    @Test(arguments: ["bash", "sql", "data2text", "attributes", "intent", "math"])
    func realAdapters(name: String) throws {
        let files = try ModelFiles.open("\(Self.root)/models/base.gguf")
        let decoder = try StepWorkspace.reference(files, threads: 2)
        let store = AdapterStore(folder: RealAdapterTests.folder, base: files.configuration, weights: BaseWeights(files), budgetBytes: 64 << 20)
        let adapter = try store.acquire(name)
        let expected = try SafetensorsFile.open("\(Self.fixtures)/logits.safetensors")
        let columns = try Self.values(expected, "columns", Int32.self).map(Int.init)
        let vocabulary = files.configuration.vocabulary
        for text in 0..<2 {
            let tokens = try Self.values(expected, "\(name).\(text).tokens", Int32.self)
            let logits = try Self.logits(decoder, tokens, adapter.delta)
            let sampled = tokens.indices.flatMap { row in columns.map { logits[row * vocabulary + $0] } }
            let reference = try Self.values(expected, "\(name).\(text).column_values", Float.self)
            #expect(Self.error(sampled, reference) < 2e-3)
            let top = try Self.values(expected, "\(name).\(text).top_ids", Int32.self).map(Int.init)
            let best = try Self.values(expected, "\(name).\(text).top_values", Float.self)
            let atTop = top.enumerated().map { logits[$0.offset / 32 * vocabulary + $0.element] }
            #expect(Self.error(atTop, best) < 2e-3)
            print("\(name) text \(text): \(Self.error(sampled, reference)) and \(Self.error(atTop, best)) of the greatest logit")
        }
    }
}
