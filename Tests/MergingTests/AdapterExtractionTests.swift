import Foundation
import JSON
import MergeMethods
import Models
import Tensors
import TestSupport
import Testing
import Weights

@testable import Merging

@Suite("A LoRA out of two models")
struct AdapterExtractionTests {
    /// A fixture's base with its adapter in the weights.
    private static func tuned(_ name: String, in folder: TemporaryFolder) throws -> (base: ModelFiles, tuned: ModelFiles) {
        let fixture = try #require(PackageFixture.all.first { $0.name == name })
        let base = try ModelFiles.open(fixture.base)
        try folder.writeModel(AdaptedTensors(base, adapter: fixture.folder), configuration: "\(fixture.base)/config.json")
        return (base, try ModelFiles.open(folder.path))
    }

    /// LoRA, DoRA, biases, norms, vocabulary, another family of bases, fused matrices.
    @Test("At full rank the base with what was extracted is the other model", arguments: [
        "plain", "dora-biases", "ia3-all", "norms", "norms-gemma", "saved-both", "saved-both-tied", "tokens-tied", "fused", "vera", "loha",
    ])
    func undone(name: String) throws {
        let (folder, result) = (try TemporaryFolder(), try TemporaryFolder())
        let (base, tuned) = try Self.tuned(name, in: folder)
        let extraction = LoRAExtraction(size: .rank(4096))
        let merged = try extraction.result(from: base, to: tuned)
        #expect((merged.error ?? 1) < 1e-5 * merged.norm)
        _ = try extraction.write(merged, from: base, to: tuned, in: result.place("taken"))
        let again = try AdaptedTensors(base, adapter: result.place("taken"))
        var worst: Float = 0
        for (name, view) in tuned.storedTensors {
            let found = FloatBuffer(count: view.elementCount)
            try again.reader(of: name).read(0..<view.rows, into: found.pointer)
            let expected = view.floats()
            for index in expected.indices { worst = max(worst, abs(found.pointer[index] - expected[index])) }
        }
        #expect(worst < 1e-5)
    }

    @Test("A LoRA comes back in its own rank and modules")
    func back() throws {
        let folder = try TemporaryFolder()
        let (base, tuned) = try Self.tuned("plain", in: folder)
        let adapter = try LoRAMerge([.init(name: "plain", folder: PackageFixture.all.first { $0.name == "plain" }?.folder ?? "")])
            .result(for: BaseWeights(base))
        let rank = try #require(adapter.ranks).upperBound
        let merged = try LoRAExtraction(size: .rank(rank)).result(from: base, to: tuned)
        #expect(merged.modules.map(\.path) == adapter.modules.map(\.path) && merged.saved.isEmpty)
        #expect((merged.error ?? 1) < 1e-4 * merged.norm)
        for (one, other) in zip(merged.modules, adapter.modules) {
            #expect(AdapterMergeTests.difference(one.pair.product(), other.pair.product()) < 1e-4, "\(one.path)")
        }
        let shared = try LoRAExtraction(size: .energy(0.999)).result(from: base, to: tuned)
        #expect((shared.ranks?.upperBound ?? 99) <= rank && (shared.error ?? 1) < 0.04 * shared.norm)
        let less = try LoRAExtraction(size: .rank(1)).result(from: base, to: tuned)
        #expect((less.error ?? 0) > 0.1 * less.norm)
    }

    @Test("What was left out of the vocabulary is named")
    func leftOut() throws {
        let folder = try TemporaryFolder()
        let (base, tuned) = try Self.tuned("saved-embedding", in: folder)
        let merged = try LoRAExtraction(size: .rank(8), leavesVocabulary: true).result(from: base, to: tuned)
        #expect(merged.saved.isEmpty && merged.notices.contains { $0.contains("model.embed_tokens") })
    }

    @Test("Models that do not fit each other, or do not differ, and elements that are not finite are errors with their place")
    func errors() throws {
        let models = "\(Checkout.path)/Tests/ModelsTests/Fixtures/tiny"
        let (llama, qwen) = (try ModelFiles.open("\(models)/llama"), try ModelFiles.open("\(models)/qwen2"))
        let mismatch = #expect(throws: MergeError.self) { try LoRAExtraction(size: .rank(4)).result(from: llama, to: qwen) }
        #expect(mismatch?.code == .mismatch && mismatch?.file == qwen.path)
        let same = #expect(throws: MergeError.self) { try LoRAExtraction(size: .rank(4)).result(from: llama, to: llama) }
        #expect(same?.code == .invalidRecipe)
        let folder = try TemporaryFolder()
        try folder.write(Array(Data(contentsOf: URL(fileURLWithPath: "\(models)/llama/config.json"))), to: "config.json")
        let broken = "model.layers.1.mlp.up_proj.weight"
        let tensors = try SafetensorsFile.open("\(models)/llama/model.safetensors").tensors.values.map { view in
            guard view.name == broken else { return view }
            var values = view.floats()
            values[41] = .nan
            return try #require(values.withUnsafeBytes { TensorView(name: view.name, dtype: .f32, shape: view.shape, copying: $0) })
        }
        try SafetensorsWriter.write(tensors, to: folder.place("model.safetensors"))
        let tuned = try ModelFiles.open(folder.path)
        let error = #expect(throws: MergeError.self) { try LoRAExtraction(size: .rank(4)).result(from: llama, to: tuned) }
        #expect(error?.code == .nonFinite && error?.file == folder.path && error?.tensor == broken && error?.message.contains("row 1") == true)
        for size in [LoRASize.rank(0), .energy(0), .energy(2)] {
            #expect(throws: MergeError.self) { try LoRAExtraction(size: size).result(from: llama, to: qwen) }
        }
    }
}
