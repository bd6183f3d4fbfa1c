import Foundation
import JSON
import Models
import Tensors
import TestSupport
import Testing
import Weights

@testable import Adapters

/// What is converted does the same. Every family's fixtures go through it in the conformance suite.
@Suite struct ConversionTests {
    static let conversion = AdapterConversion(base: TinyBase.llama)

    private static func file(_ folder: String) throws -> SafetensorsFile {
        try SafetensorsFile.open("\(folder)/adapter_model.safetensors")
    }

    // MARK: GGUF

    @Test func aGGUFFileBecomesAFolderWithWhatLayBesideIt() throws {
        let folder = try TemporaryFolder()
        var file = TinyGGUF(TinyAdapter(rank: 2, targets: Projection.allCases))
        let half = [UInt16](repeating: 0x3500, count: 16)
        file.set(.init(name: "blk.1.attn_k.weight.lora_a", shape: [2, 8], type: 1, bytes: half.withUnsafeBytes { Array($0) }))
        try file.write(to: "\(folder.path)/gguf", as: "tiny.gguf")
        for name in ["route.yaml", "chat_template.jinja", "old.bin"] { try folder.write(name, to: "gguf/\(name)") }
        let outcome = try Self.conversion.convert("\(folder.path)/gguf", to: "\(folder.path)/peft/")
        #expect(outcome.form == .gguf && outcome.tensorCount == 28 && outcome.summary.family == "lora")
        let names = try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/peft").sorted()
        #expect(names == ["adapter_config.json", "adapter_model.safetensors", "chat_template.jinja", "route.yaml"])
        GGUFTests.expectEqual(
            try GGUFTests.load("\(folder.path)/peft").delta, try GGUFTests.load("\(folder.path)/gguf").delta, TinyBase.llama)
        #expect(try GGUFTests.load("\(folder.path)/peft").version == outcome.version)
        let written = try Self.file("\(folder.path)/peft")
        #expect(written.tensors[TinyAdapter.a(1, .key)]?.dtype == .f16, "16 bits stay 16 bits")
        #expect(written.metadata == ["format": "pt"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["gguf", "peft"])
    }

    @Test func aSingleFileIsEnough() throws {
        let folder = try TemporaryFolder()
        try TinyGGUF(TinyAdapter()).write(to: folder.path, as: "one.gguf")
        try folder.write("", to: "route.yaml")
        _ = try Self.conversion.convert("\(folder.path)/one.gguf", to: "\(folder.path)/made")
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/made").sorted()
                == ["adapter_config.json", "adapter_model.safetensors"])
        try TinyAdapter().write(to: "\(folder.path)/peft")
        GGUFTests.expectEqual(
            try GGUFTests.load("\(folder.path)/made").delta, try GGUFTests.load("\(folder.path)/peft").delta, TinyBase.llama)
    }

    @Test func llamaCppsFilesGiveTheFoldersThatTheyWereMadeFrom() throws {
        let folder = try TemporaryFolder()
        let base = try ModelFiles.open("\(LogitsTests.root)/Tests/ModelsTests/Fixtures/tiny/mistral").configuration
        _ = try AdapterConversion(base: base).convert("\(LogitsTests.fixtures)/gguf/half.gguf", to: "\(folder.path)/half")
        let (made, original) = (try Self.file("\(folder.path)/half"), try Self.file("\(LogitsTests.fixtures)/tiny/half"))
        #expect(made.tensors.count == original.tensors.count)
        for (name, view) in original.tensors {
            let found = try made.tensor(name, shape: view.shape)
            #expect(found.dtype == view.dtype && found.bytes.elementsEqual(view.bytes), "\(name)")
        }
    }

    /// A of an embedding lies transposed in the file.
    @Test(arguments: ["embedding", "head"])
    func embeddingAndHeadComeBackAsTheyWere(name: String) throws {
        let folder = try TemporaryFolder()
        let base = try ModelFiles.open("\(LogitsTests.root)/Tests/ModelsTests/Fixtures/tiny/llama").configuration
        _ = try AdapterConversion(base: base).convert("\(LogitsTests.fixtures)/gguf/\(name).gguf", to: "\(folder.path)/made")
        let made = try Self.file("\(folder.path)/made")
        let original = try Self.file("\(LogitsTests.root)/Tests/ConformanceTests/Fixtures/tiny/\(name)")
        #expect(made.tensors.count == original.tensors.count)
        for (name, view) in original.tensors {
            #expect(try made.tensor(name, shape: view.shape).bytes.elementsEqual(view.bytes), "\(name)")
        }
    }

    // MARK: Names

    @Test(arguments: [
        ("layers.3.mlp.up_proj.lora_A.weight", "lora_A.weight"), ("model.layers.3.mlp.up_proj.lora_down.weight", "lora_A.weight"),
        ("base_model.model.model.layers.3.mlp.up_proj.lora_B.default.weight", "lora_B.weight"),
        ("base_model.model.base_model.model.model.layers.3.mlp.up_proj.lora_B.default.bias", "lora_B.bias"),
        ("language_model.model.layers.3.mlp.up_proj.lora_up.weight", "lora_B.weight"), ("model.layers.3.mlp.up_proj.lora_A", "lora_A.weight"),
        ("_orig_mod.module.model.layers.3.mlp.up_proj.lora_magnitude_vector.default.weight", "lora_magnitude_vector"),
        ("model.layers.3.mlp.up_proj.ia3_l.mine", "ia3_l"), ("model.layers.3.mlp.up_proj.vera_lambda_d.default", "vera_lambda_d"),
    ])
    func otherNamesForTheSame(name: String, ending: String) {
        #expect(CanonicalName(name) == CanonicalName("base_model.model.model.layers.3.mlp.up_proj.\(ending)"))
        #expect(CanonicalName(name).name == "base_model.model.model.layers.3.mlp.up_proj.\(ending)")
        #expect(!CanonicalName(name).isTransposed)
    }

    @Test func namesOutsideTheLayers() {
        for (name, canonical) in [
            ("model.embed_tokens.lora_embedding_A.default", "base_model.model.model.embed_tokens.lora_embedding_A"),
            ("base_model.model.lm_head.lora_A.x.weight", "base_model.model.lm_head.lora_A.weight"),
            ("base_model.vera_A.default", "base_model.vera_A"),
            ("embed_tokens.token_adapter.trainable_tokens_delta.default", "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta"),
        ] { #expect(CanonicalName(name).name == canonical) }
        #expect(CanonicalName("model.embed_tokens.lora_b") == CanonicalName("base_model.model.model.embed_tokens.lora_embedding_B", isTransposed: true))
        for name in [
            "mixlora.layers.0.mlp.moe_gate.weight", "base_model.model.lm_head.weight", "something", "", "...", "model.layers.3.mlp.up_proj.lora_X.weight",
            "base_model.model.model.layers.0.self_attn.q_proj.base_layer.bias", "model", "layers.1.a.b", "model.layers.3.mlp.up_proj.lora_A.a.b.weight",
        ] { #expect(CanonicalName(name).name == name) }
    }

    @Test func theFirstMixLoRABecomesTodays() throws {
        let folder = try TemporaryFolder()
        let base = BaseWeights(try ModelFiles.open("\(LogitsTests.root)/Tests/ModelsTests/Fixtures/tiny/llama"))
        let legacy = "\(LogitsTests.root)/Tests/ConformanceTests/Fixtures/tiny/mixlora-legacy"
        let outcome = try AdapterConversion(base: base.configuration, weights: base).convert(legacy, to: "\(folder.path)/made")
        #expect(outcome.renamedCount == 2 * (4 * 3 * 2 + 1))
        let made = try Self.file("\(folder.path)/made")
        let names = made.tensors.keys.filter { $0.contains(".mlp.") }
        #expect(names.allSatisfy { $0.hasSuffix(".mlp.moe_gate.weight") || $0.contains("_proj.experts.") } && names.count == 50)
        let original = try Self.file(legacy)
        for (old, new) in [
            ("experts.2.w1_proj", "mlp.gate_proj.experts.2"), ("experts.0.w2_proj", "mlp.down_proj.experts.0"), ("experts.3.w3_proj", "mlp.up_proj.experts.3"),
        ] {
            let (before, after) = (original.tensors["mixlora.layers.1.\(old).lora_B.weight"], made.tensors["mixlora.layers.1.\(new).lora_B.weight"])
            #expect(try #require(before).bytes.elementsEqual(try #require(after).bytes), "\(new)")
        }
        guard case .object(let document) = try JSONValue.parse(try folder.read("made/adapter_config.json")) else { return }
        #expect(document["routing_strategy"] == "mixlora")
        #expect(document["target_modules"] == ["q_proj", "v_proj", "gate_proj", "down_proj", "up_proj"])
    }

    @Test func aFolderOfOtherNamesIsMadeCanonical() throws {
        let folder = try TemporaryFolder()
        let adapter = TinyAdapter(rank: 3, targets: [.query, .down])
        var odd = adapter
        odd.tensors = [:]
        for (name, view) in adapter.tensors {
            let renamed = name.replacingOccurrences(of: "base_model.model.model.", with: "").replacingOccurrences(of: "lora_A.weight", with: "lora_A.default.weight")
                .replacingOccurrences(of: "lora_B.weight", with: "lora_up.weight")
            odd.tensors[renamed] = view.renamed(renamed)
        }
        let alpha = "model.layers.1.mlp.down_proj.alpha"
        odd.set(alpha, [], [12])
        try odd.write(to: "\(folder.path)/odd")
        #expect(AdapterInspection.inspect(folder: "\(folder.path)/odd", base: TinyBase.llama).problemCount > 0)
        let outcome = try Self.conversion.convert("\(folder.path)/odd", to: "\(folder.path)/made")
        #expect(outcome.form == .peft && outcome.renamedCount == 8 && outcome.tensorCount == 8)
        var expected = adapter
        expected.configuration["alpha_pattern"] = ["model.layers.1.mlp.down_proj": 12]
        try expected.write(to: "\(folder.path)/expected")
        GGUFTests.expectEqual(
            try GGUFTests.load("\(folder.path)/made").delta, try GGUFTests.load("\(folder.path)/expected").delta, TinyBase.llama)
    }

    @Test func mlxFoldersHoldTheMatricesTransposed() throws {
        let folder = try TemporaryFolder()
        let adapter = TinyAdapter(rank: 2, alpha: 40, targets: [.query, .up])
        var mlx = TinyAdapter(targets: [])
        for (name, view) in adapter.tensors {
            let (rows, columns, values) = (view.shape[0], view.shape[1], adapter.values(name))
            let turned = (0..<columns).flatMap { column in (0..<rows).map { values[$0 * columns + column] } }
            mlx.set(
                name.replacingOccurrences(of: "base_model.model.", with: "").replacingOccurrences(of: "lora_A.weight", with: "lora_a")
                    .replacingOccurrences(of: "lora_B.weight", with: "lora_b"), [columns, rows], turned)
        }
        mlx.configuration = [
            "fine_tune_type": "lora", "num_layers": 2, "model": "someone/tiny", "lora_parameters": ["rank": 2, "scale": 20.0, "dropout": 0.0],
        ]
        try mlx.write(to: "\(folder.path)/mlx")
        try FileManager.default.moveItem(
            atPath: "\(folder.path)/mlx/adapter_model.safetensors", toPath: "\(folder.path)/mlx/adapters.safetensors")
        let outcome = try Self.conversion.convert("\(folder.path)/mlx", to: "\(folder.path)/made")
        #expect(outcome.form == .mlx && outcome.summary.baseModelName == "someone/tiny")
        try adapter.write(to: "\(folder.path)/expected")
        GGUFTests.expectEqual(
            try GGUFTests.load("\(folder.path)/made").delta, try GGUFTests.load("\(folder.path)/expected").delta, TinyBase.llama)
        for (key, value, named) in [("fine_tune_type", JSONValue.string("dora"), "fine_tune_type"), ("lora_parameters", ["rank": 2], "lora_parameters.scale")] {
            var wrong = mlx
            wrong.configuration[key] = value
            try folder.write(JSONValue.object(wrong.configuration).serialized(), to: "mlx/adapter_config.json")
            let error = #expect(throws: AdapterError.self) { _ = try Self.conversion.convert("\(folder.path)/mlx", to: "\(folder.path)/wrong") }
            #expect(error?.key == named)
        }
    }

    // MARK: To a plain LoRA

    @Test func rankStabilisedFactorsPatternsAndBiasesAreWrittenOut() throws {
        let folder = try TemporaryFolder()
        var adapter = TinyAdapter(rank: 2, targets: [.query, .down])
        adapter.configuration["use_rslora"] = true
        adapter.configuration["lora_bias"] = true
        adapter.configuration["alpha_pattern"] = ["down_proj": 3]
        for layer in 0..<2 {
            for projection in [Projection.query, .down] {
                let name = "base_model.model.\(TinyAdapter.module(layer, projection)).lora_B.bias"
                adapter.set(name, [8], (0..<8).map { Float($0) - 3 })
            }
        }
        try adapter.write(to: "\(folder.path)/a")
        let outcome = try Self.conversion.convert("\(folder.path)/a", to: "\(folder.path)/plain", as: .lora)
        #expect(outcome.tensorCount == 12)
        guard case .object(let document) = try JSONValue.parse(try folder.read("plain/adapter_config.json")) else { return }
        #expect(document["use_rslora"] == nil && document["lora_bias"] == true)
        let (one, other) = (try GGUFTests.load("\(folder.path)/a").delta, try GGUFTests.load("\(folder.path)/plain").delta)
        GGUFTests.expectEqual(one, other, TinyBase.llama)
        for layer in 0..<2 {
            for projection in [Projection.query, .down] {
                let (first, second) = (IA3Tests.values(one[layer, projection]?.bias), IA3Tests.values(other[layer, projection]?.bias))
                #expect(first.count == 8 && zip(first, second).allSatisfy { abs($0 - $1) <= 1e-6 * abs($0) })
            }
        }
    }

    @Test func whatIsNoLoRAIsRefusedWithTheReason() throws {
        let (folder, base) = (try TemporaryFolder(), try TinyWeights().base)
        let conversion = AdapterConversion(base: base.configuration, weights: base)
        try DoRATests.adapter(on: base).write(to: "\(folder.path)/dora")
        try IA3Tests.adapter().write(to: "\(folder.path)/ia3")
        for (name, reason) in [("dora", "rows of the base's matrices (DoRA)"), ("ia3", "full rank")] {
            let error = #expect(throws: AdapterError.self) {
                _ = try conversion.convert("\(folder.path)/\(name)", to: "\(folder.path)/plain", as: .lora)
            }
            #expect(error?.code == .unsupported && error?.message.contains(reason) == true, "\(error as Any)")
            #expect(try conversion.convert("\(folder.path)/\(name)", to: "\(folder.path)/same-\(name)").summary.family == name)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 4, "nothing is left behind")
    }

    // MARK: Refusals

    @Test func nothingIsOverwrittenAndNothingIsLeftBehind() throws {
        let folder = try TemporaryFolder()
        try TinyAdapter().write(to: "\(folder.path)/a")
        func code(_ source: String, _ target: String) -> AdapterError.Code? {
            #expect(throws: AdapterError.self) {
                _ = try Self.conversion.convert("\(folder.path)/\(source)", to: "\(folder.path)/\(target)")
            }?.code
        }
        #expect(code("a", "a") == .exists)
        _ = try folder.makeFolder("empty")
        #expect(code("a", "empty") == .exists)
        try folder.write("mine", to: "file")
        #expect(code("a", "file") == .exists)
        #expect(try folder.read("file") == Array("mine".utf8))
        #expect(code("a", "nowhere/b") == .io)
        #expect(code("missing", "b") == .notFound)
        #expect(code("empty", "b") == .notReady)
        #expect(code("file", "b") == .malformed)
        var twice = TinyAdapter()
        twice.tensors["layers.0.self_attn.q_proj.lora_A.weight"] = twice.tensors[TinyAdapter.a(0, .query)]?.renamed("layers.0.self_attn.q_proj.lora_A.weight")
        try twice.write(to: "\(folder.path)/twice")
        #expect(code("twice", "b") == .malformed)
        var foreign = TinyAdapter()
        foreign.set("something.else", [1], [1])
        try foreign.write(to: "\(folder.path)/foreign")
        #expect(code("foreign", "b") == .unreadTensor)
        try TinyGGUF(TinyAdapter()).write(to: "\(folder.path)/a", as: "both.gguf")
        #expect(code("a", "b") == .unsupported)
        _ = try Self.conversion.convert("\(folder.path)/a/both.gguf", to: "\(folder.path)/b")
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(left == ["a", "b", "empty", "file", "foreign", "twice"])
    }
}
