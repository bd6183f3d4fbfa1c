import Foundation
import JSON
import MergeMethods
import Models
import Tensors
import TestSupport
import Testing
import Weights

@testable import Merging

@Suite("An adapter in the weights of a model of its own")
struct AdapterBakeTests {
    private static func adapted(_ name: String) throws -> (fixture: PackageFixture, adapted: AdaptedTensors) {
        let fixture = try #require(PackageFixture.all.first { $0.name == name })
        return (fixture, try AdaptedTensors(ModelFiles.open(fixture.base), adapter: fixture.folder))
    }

    /// All kinds of changes, tied heads that come apart, fused matrices and experts.
    @Test("A baked folder gives the logits of the package that wrote the adapter", arguments: [
        "plain", "dora-biases", "ia3-all", "vera", "norms-gemma", "tokens-tied", "head-tied", "embedding-gemma", "saved-both-tied", "bias-all",
        "fused-dora", "experts-mixtral",
    ])
    func folder(name: String) throws {
        let (fixture, adapted) = try Self.adapted(name)
        let folder = try TemporaryFolder()
        let report = try ModelBake(dtype: .f32, isChecked: true).write(adapted, adapter: name, to: folder.place("baked"))
        #expect(report.changedCount > 0 && report.tensorCount == adapted.entries.count)
        #expect(report.check?.largest == 0 && (report.check?.change ?? 0) > 0)
        let expected = try SafetensorsFile.open("\(fixture.folder)/expected.safetensors")
        let logits = try ModelFiles.open(folder.place("baked")).logits(expected.tensor("tokens").int32s())
        #expect(relativeDifference(logits, try expected.tensor("logits").floats()) < 1e-4)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["baked"])
        #expect(folder.exists("baked/bake.json") && folder.exists("baked/README.md") && !folder.exists("baked/expected.safetensors"))
    }

    @Test("A narrower type rounds once, and the check says by how much", arguments: [(DType.bf16, 0.05), (.f16, 0.01)])
    func narrow(dtype: DType, most: Double) throws {
        let (_, adapted) = try Self.adapted("plain")
        let folder = try TemporaryFolder()
        let report = try ModelBake(dtype: dtype, isChecked: true).write(adapted, adapter: "plain", to: folder.place("baked"))
        let check = try #require(report.check)
        #expect(check.largest > 0 && check.rounding > 0 && check.rounding < most * check.change && !check.tensor.isEmpty)
        #expect(report.types == [dtype.name: report.tensorCount])
        let written = try ModelFiles.open(folder.place("baked"))
        for entry in adapted.entries {
            let rows = entry.shape.dropLast().reduce(1, *)
            let values = FloatBuffer(count: entry.shape.reduce(1, *))
            try adapted.reader(of: entry.name).read(0..<rows, into: values.pointer)
            let found = try #require(written.storedTensors[entry.name]).floats()
            let step: Float = dtype == .bf16 ? 0x1p-8 : 0x1p-11
            #expect(found.indices.allSatisfy { abs(found[$0] - values.pointer[$0]) <= step * abs(values.pointer[$0]) + 1e-7 }, "\(entry.name)")
        }
        let configuration = try JSONValue.parse(try folder.text("baked/config.json"))
        #expect(configuration["torch_dtype"]?.stringValue == (dtype == .bf16 ? "bfloat16" : "float16"))
    }

    @Test("A name that is taken is refused, and only a baked model is replaced")
    func taken() throws {
        let (_, adapted) = try Self.adapted("plain")
        let folder = try TemporaryFolder()
        _ = try ModelBake().write(adapted, adapter: "plain", to: folder.place("baked"))
        func code(_ bake: ModelBake, _ name: String) -> MergeError.Code? {
            do {
                _ = try bake.write(adapted, adapter: "plain", to: folder.place(name))
                return nil
            } catch {
                return error.code
            }
        }
        #expect(code(ModelBake(), "baked") == .exists)
        #expect(code(ModelBake(replaces: true), "baked") == nil)
        try folder.write("mine", to: "other/letter.txt")
        #expect(code(ModelBake(replaces: true), "other") == .exists && folder.exists("other/letter.txt"))
        #expect(code(ModelBake(), "model.gguf") == .unsupported)
        #expect(code(ModelBake(dtype: .q8_0), "quantised") == .unsupported)
        #expect(code(ModelBake(dtype: .q6_K), "unknown") == .unsupported)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["baked", "other"])
    }

    @Test("The real base with an adapter of this repository is the same model as a file of its own", .enabled(if: Checkout.isCI || Checkout.exists(Checkout.model("base.gguf"))))
    func real() throws {
        let files = try ModelFiles.open(Checkout.model("base.gguf"))
        let adapted = try AdaptedTensors(files, adapter: "\(Checkout.path)/adapters/sql")
        let folder = try TemporaryFolder()
        let report = try ModelBake(dtype: .f16, isChecked: true).write(adapted, adapter: "sql", to: folder.place("baked.gguf"))
        let check = try #require(report.check)
        #expect(report.changedCount == 210 && check.rounding < 0.02 * check.change, "\(check)")
        let tokens: [Int32] = [1, 4093, 198, 1780, 314, 260, 3575, 282, 6520, 47, 2, 198, 1, 520, 9531, 198]
        let baked = try ModelFiles.open(folder.place("baked.gguf")).logits(tokens)
        let served = try files.logits(tokens, adapter: "\(Checkout.path)/adapters/sql")
        let difference = relativeDifference(baked, served)
        print("baked as f16: \(check), logits differ by \(difference)")
        #expect(difference < 2e-3)
        #expect(relativeDifference(try files.logits(tokens), served) > 0.02, "the adapter changes the answers")
    }
}
