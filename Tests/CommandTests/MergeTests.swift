import Foundation
import TestSupport
import Testing

/// `lmoe merge` on tiny models, and on the real base where a run is killed.
@Suite struct MergeTests {
    private let folder: TemporaryFolder
    private static let models = "\(Checkout.path)/Tests/MergingTests/Fixtures/models"

    init() throws { folder = try TemporaryFolder() }

    @Test func aPlanIsPrintedAndNothingIsWritten() throws {
        let recipe = try recipe("ties")
        let run = try Invocation("merge", recipe, folder.place("out"), "--dry-run", "--json")
        #expect(run.status == 0, "\(run.errors)")
        let document = try run.json()
        #expect(document["layers"] as? Int == 3 && document["tensors"] as? Int == 30)
        #expect((document["models"] as? [[String: Any]])?.count == 4)
        #expect((document["seconds"] as? Double ?? 0) > 0 && (document["memory_bytes"] as? Int ?? 0) > 0)
        #expect(!FileManager.default.fileExists(atPath: folder.place("out")))
        let text = try Invocation("merge", recipe, "--dry-run")
        #expect(text.output.contains("method      ties") && text.output.contains("disk"))
    }

    @Test func theValuesOfATensorAreExplained() throws {
        let run = try Invocation("merge", "explain", try recipe("ties"), "layers.1.mlp.up_proj", "--json")
        #expect(run.status == 0, "\(run.errors)")
        let tensors = try #require(try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [[String: Any]])
        let sources = try #require(tensors.first?["sources"] as? [[String: Any]])
        let density = (sources[1]["values"] as? [String: Double])?["density"]
        #expect(density == 0.55, "half way between 0.3 and 0.8")
        let none = try Invocation("merge", "explain", try recipe("ties"), "nothing.like.it")
        #expect(none.status == 1 && none.errors.contains("model.embed_tokens.weight"))
    }

    @Test func aModelIsWrittenAndReplacedOnlyWhenAsked() throws {
        let recipe = try recipe("ties")
        let run = try Invocation("merge", recipe, folder.place("out"))
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.errors.contains("\(recipe), line"), "warnings name lines")
        for name in ["config.json", "generation_config.json", "mergekit_config.yml", "model.safetensors", "README.md", "tokenizer.json"] {
            #expect(FileManager.default.fileExists(atPath: folder.place("out/\(name)")), "\(name)")
        }
        let second = try Invocation("merge", recipe, folder.place("out"))
        #expect(second.status == 1 && second.errors.contains("--replace"))
        #expect(try Invocation("merge", recipe, folder.place("out"), "--replace").status == 0)
    }

    @Test func aRecipeThatIsWrongIsToldWithItsLine() throws {
        let path = try folder.write("merge_method: tiess\nmodels:\n- model: base\n", to: "wrong.yaml")
        let run = try Invocation("merge", path, folder.place("out"))
        #expect(run.status == 2)
        #expect(run.errors.contains("wrong.yaml:1") && run.errors.contains("ties"))
        #expect(try Invocation("merge", folder.place("absent.yaml"), folder.place("out")).status == 1)
        #expect(try Invocation("merge", path).status == 2)
        #expect(try Invocation("merge", path, folder.place("out"), "--shard-size", "lots").status == 2)
    }

    @Test func aKilledRunGoesOnWithTheSameBytes() throws {
        let text = """
            merge_method: task_arithmetic
            base_model: models/base.gguf
            dtype: float32
            out_dtype: float16
            models:
            - {model: models/base.gguf+adapters/sql, parameters: {weight: 0.5}}
            - {model: models/base.gguf+adapters/bash, parameters: {weight: 0.5}}
            """
        let recipe = try folder.write(text, to: "real.yaml")
        let whole = try Invocation("merge", recipe, folder.place("whole"))
        #expect(whole.status == 0, "\(whole.errors)")
        let process = Invocation.process(["merge", recipe, folder.place("killed")])
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        // The first note in the journal comes after the digest's line.
        let journal = folder.place(".merging-killed/.journal")
        while process.isRunning, ((try? String(contentsOfFile: journal, encoding: .utf8)) ?? "").split(separator: "\n").count < 3 { usleep(5_000) }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        #expect(!FileManager.default.fileExists(atPath: folder.place("killed")), "nothing unfinished has the name")
        let again = try Invocation("merge", recipe, folder.place("killed"))
        #expect(again.status == 0, "\(again.errors)")
        #expect(again.errors.contains("going on"))
        let files = try ["whole", "killed"].map { try Data(contentsOf: URL(fileURLWithPath: folder.place("\($0)/model.safetensors"))) }
        #expect(files[0] == files[1])
    }

    /// A recipe of the fixtures with the places of its models.
    private func recipe(_ name: String) throws -> String {
        var text = try String(contentsOfFile: "\(Self.models)/../merged/\(name).yaml", encoding: .utf8)
        for model in ["base", "one", "two", "three"] {
            text = text.replacingOccurrences(of: "model: \(model)\n", with: "model: \(Self.models)/\(model)\n")
        }
        return try folder.write(text, to: "\(name).yaml")
    }
}
