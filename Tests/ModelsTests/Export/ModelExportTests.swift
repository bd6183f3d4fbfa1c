import Foundation
import JSON
import Tensors
import Testing
import Weights

@testable import Models

@Suite("models that are written")
struct ModelExportTests {
    private func logits(_ files: ModelFiles, _ tokens: [Int32]) throws -> [[Float]] {
        try Sequence(tokens).logits(StepWorkspace(files, precision: .reference, pool: ReferenceDecoderTests.pool))
    }

    private func difference(_ a: [[Float]], _ b: [[Float]]) -> Float {
        zip(a, b).reduce(0) { worst, rows in zip(rows.0, rows.1).reduce(worst) { max($0, abs($1.0 - $1.1)) } }
    }

    private func tiny(_ name: String) -> String { fixtures.appendingPathComponent("tiny/\(name)").path }
    private let tokens: [Int32] = (0..<40).map { Int32($0 * 37 % 90) }

    @Test("a folder as GGUF, and that as a folder again, give the folder's logits", arguments: ["llama", "llama3", "qwen2", "qwen3", "yarn"])
    func thereAndBack(name: String) throws {
        let source = try ExportedModel(copying: tiny(name))
        let files = try ModelFiles.open(source.path)
        let expected = try logits(files, tokens)
        // The table of Llama 3's divisors is rounded.
        let tolerance: Float = name == "llama3" ? 1e-4 : 0

        let target = try ExportedModel()
        let (gguf, loss, exceptions) = try target.export(files, as: .f32, gguf: true)
        #expect(loss.isEmpty && exceptions.isEmpty)
        #expect(gguf.configuration.architecture == files.configuration.architecture && gguf.isGGUF)
        #expect(try difference(logits(gguf, tokens), expected) <= tolerance)
        guard case .gguf(let tokenizer) = gguf.tokenizer else { throw ModelError(.malformed, "no tokenizer") }
        #expect(tokenizer.tokens.prefix(6) == ["a", "b", "Ġ", "ab", "<|end|>", "[PAD5]"] && tokenizer.tokens.count == gguf.configuration.vocabulary)
        #expect(tokenizer.types.prefix(6) == [1, 1, 1, 1, 3, 5] && tokenizer.merges == ["a b"] && tokenizer.preTokenizer == "gpt-2")

        // Its scaling is none of a published model, and cannot be read back from its table.
        guard name != "llama3" else { return }
        let folder = try ExportedModel()
        let (again, _, _) = try folder.export(gguf, as: .f32, gguf: false)
        #expect(again.configuration.rope.base == files.configuration.rope.base && again.configuration.normEpsilon == files.configuration.normEpsilon)
        #expect(again.configuration.tiedHead == files.configuration.tiedHead && again.configuration.biases == files.configuration.biases)
        #expect(try difference(logits(again, tokens), expected) <= tolerance)
    }

    @Test("Llama 3's table of divisors becomes its scaling again; other tables are refused")
    func divisors() throws {
        func exported(_ factor: Double, _ low: Double) throws -> ModelFiles {
            let scaling: JSONValue = [
                "rope_type": "llama3", "factor": .number(factor), "low_freq_factor": .number(low), "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8192,
            ]
            let model = try TinyModel(TinyModel.config("llama", ["rope_scaling": scaling, "rope_theta": 500000.0, "head_dim": 64]))
            let source = try ExportedModel(copying: model.path), target = try ExportedModel(), folder = try ExportedModel()
            return try folder.export(target.export(ModelFiles.open(source.path), as: .f16, gguf: true).files, as: .f16, gguf: false).files
        }
        for factor: Float in [8, 32] {
            #expect(
                try exported(Double(factor), 1).configuration.rope.scaling
                    == .llama3(factor: factor, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 8192))
        }
        let error = #expect(throws: ModelError.self) { try exported(8, 2) }
        #expect(error?.code == .unsupported && error?.tensor == "rope_freqs.weight")
    }

    @Test("a GGUF file of another family is copied with its metadata", arguments: ["gemma", "gemma2", "gemma3", "granite", "olmo2", "smollm3", "ministral3"])
    func copied(name: String) throws {
        let files = try ModelFiles.open("\(tiny(name))/model.gguf")
        let target = try ExportedModel()
        let (copy, loss, _) = try target.export(files, as: .f32, gguf: true)
        #expect(loss.isEmpty)
        var configuration = copy.configuration
        configuration.name = files.configuration.name
        #expect(configuration == files.configuration)
        // Gemma's norms lose their 1 and get it again.
        #expect(try difference(logits(copy, tokens), logits(files, tokens)) <= (files.configuration.checkpointNormOffset == 0 ? 0 : 1e-4))
    }

    @Test("biases of rotated heads change their places with the rows")
    func biases() throws {
        let model = try TinyModel(TinyModel.config("llama", ["attention_bias": true]))
        let source = try ExportedModel(copying: model.path)
        let files = try ModelFiles.open(source.path)
        #expect(files.configuration.biases.count == 4)
        let target = try ExportedModel(), folder = try ExportedModel()
        let gguf = try target.export(files, as: .f32, gguf: true).files
        let again = try folder.export(gguf, as: .f32, gguf: false).files
        let expected = try logits(files, tokens)
        #expect(try difference(logits(gguf, tokens), expected) == 0)
        #expect(try difference(logits(again, tokens), expected) == 0)
    }

    @Test("matrices whose rows are no whole blocks get another type, which is told")
    func exceptions() throws {
        let source = try ExportedModel(copying: tiny("llama"))
        let files = try ModelFiles.open(source.path)
        let target = try ExportedModel()
        let (gguf, _, exceptions) = try target.export(files, as: .q8_0, gguf: true)
        #expect(exceptions.contains { $0.hasPrefix("model.layers.0.self_attn.q_proj.weight: f16, since rows of 40 are no multiple of q8_0's 32") })
        #expect(try difference(logits(gguf, tokens), logits(files, tokens)) < 0.05)
        #expect(DType.q4_K.fitting(columns: 576) == .q5_0 && DType.q5_K.fitting(columns: 576) == .q5_1 && DType.q6_K.fitting(columns: 576) == .q8_0)
        #expect(DType.q6_K.fitting(columns: 512) == .q6_K && DType.q6_K.fitting(columns: 40) == .f16)
    }

    @Test("what is not written is refused by its name")
    func refusals() throws {
        func refused(_ body: () throws -> Void) -> ModelError? {
            do { try body() } catch { return error as? ModelError }
            return nil
        }
        for (name, code) in [("mixtral", "mixtral"), ("phi3", "phi3"), ("gemma2", "gemma2"), ("olmo2", "olmo2")] {
            let files = try ModelFiles.open(tiny(name))
            let error = refused { _ = try GGUFHead(files) }
            #expect(error?.code == .unsupported && error?.message.contains(code) == true, "\(name): \(String(describing: error))")
        }
        let folder = try ModelFiles.open(tiny("llama"))
        #expect(refused { _ = try CheckpointDocuments(folder, dtype: .f32) }?.code == .unsupported)
        #expect(refused { _ = try GGUFHead(folder) }?.code == .notFound, "the fixture has no tokenizer.json")
        let pieces = try ModelFiles.open("\(tiny("gemma3"))/model.gguf")
        #expect(refused { _ = try CheckpointDocuments(pieces, dtype: .f32) }?.message.contains("\"llama\"") == true)

        let source = try ExportedModel(copying: tiny("llama"))
        let files = try ModelFiles.open(source.path)
        let head = try GGUFHead(files)
        var list: [ModelExport.Tensor] = try files.checkpointTensors().map { ($0.name, $0.shape) }
        #expect(refused { _ = try ModelExport.gguf(Array(list.dropLast()), as: .f16, head: head) }?.code == .missingTensor)
        #expect(refused { _ = try ModelExport.gguf(list, as: .iq4_nl, head: head) }?.code == .unsupported)
        #expect(refused { _ = try ModelExport.safetensors(list, as: .q8_0) }?.code == .unsupported)
        list[0].shape[0] += 1
        #expect(refused { _ = try ModelExport.gguf(list, as: .f16, head: head) }?.code == .wrongShape)
        list[0].name = "model.other.weight"
        #expect(refused { _ = try ModelExport.gguf(list, as: .f16, head: head) }?.code == .unexpectedTensor)
        let more = try GGUFHead(files, layers: files.configuration.layers + 1)
        list = try files.checkpointTensors().map { ($0.name, $0.shape) }
        #expect(refused { _ = try ModelExport.gguf(list, as: .f16, head: more) }?.code == .missingTensor)
    }

    @Test("the real base as q8_0 and as a folder of bf16 answers as before, with the same tokens")
    func real() throws {
        let files = try ModelFiles.open(baseModelPath)
        let reference = try SafetensorsFile.open(fixtures.appendingPathComponent("base.safetensors").path)
        let tokens = Array(try reference.tensor("2.tokens").int32s())
        let expected = try logits(files, tokens)
        func agreement(_ other: [[Float]]) -> (difference: Float, best: Int) {
            (difference(other, expected), zip(other, expected).filter { $0.0.firstIndex(of: $0.0.max() ?? 0) == $0.1.firstIndex(of: $0.1.max() ?? 0) }.count)
        }
        let target = try ExportedModel(), folder = try ExportedModel()
        let (gguf, _, exceptions) = try target.export(files, as: .q8_0, gguf: true)
        #expect(exceptions.isEmpty && gguf.configuration == files.configuration)
        let (checkpoint, loss, _) = try folder.export(files, as: .bf16, gguf: false)
        #expect(loss.isEmpty)
        for (name, model) in [("q8_0", gguf), ("bf16", checkpoint)] {
            // q8_0 also rounds the embedding's rows, by up to 1/254 of their largest element.
            let found = agreement(try logits(model, tokens))
            print("\(name): logits within \(found.difference), \(found.best) of \(tokens.count) best tokens")
            #expect(found.difference < 1.5 && found.best * 20 >= tokens.count * 19)
        }

        guard case .gguf(let before) = files.tokenizer else { throw ModelError(.malformed, "no tokenizer") }
        let after = try GGUFTokenizer(ModelFolder(folder.path), vocabulary: files.configuration.vocabulary)
        #expect(after.tokens == before.tokens && after.types == before.types && after.merges == before.merges)
        #expect(after.preTokenizer == before.preTokenizer && after.bos == before.bos && after.eos == before.eos && after.addBOS == before.addBOS)
        #expect(after.unknown == before.unknown && after.padding == before.padding)
        #expect(checkpoint.chatTemplate == files.chatTemplate && checkpoint.padding == files.padding)
    }
}
