import Foundation
import JSON
import Models
import TestSupport
import Testing

@testable import Adapters

/// Each wrong thing is refused with its file, its tensor or key, what was found and what was expected.
@Suite struct RefusalTests {
    /// The error of loading, by the path that requests take.
    static func refusal(
        _ change: (inout TinyAdapter) -> Void = { _ in }, files: (TemporaryFolder) throws -> Void = { _ in },
        element: LowRank.Element = .f32, limits: AdapterLimits = .init()
    ) throws -> AdapterError {
        let folder = try TemporaryFolder()
        var adapter = TinyAdapter()
        change(&adapter)
        try adapter.write(to: "\(folder.path)/a")
        try files(folder)
        let store = AdapterStore(
            folder: folder.path, base: TinyBase.llama, budgetBytes: 1 << 20, element: element, limits: limits)
        _ = store.rescan()
        let error = try #require(throws: AdapterError.self) { _ = try store.acquire("a") }
        #expect(error.adapter == "a")
        #expect(store.status("a")?.isServable == false, "\(error)")
        return error
    }

    @Test func aSoundAdapterLoads() throws {
        let folder = try TemporaryFolder()
        try TinyAdapter().write(to: "\(folder.path)/a")
        let store = AdapterStore(folder: folder.path, base: TinyBase.llama, budgetBytes: 1 << 20)
        _ = store.rescan()
        let adapter = try store.acquire("a")
        #expect(adapter.summary.targets == ["q_proj", "v_proj"])
        #expect(adapter.delta[1, .value]?.lowRank?.scale == 2)
        #expect(adapter.delta[0, .up] == nil)
        #expect(adapter.chatTemplate == nil)
    }

    // MARK: Keys

    @Test(arguments: [
        ("use_dora", JSONValue.bool(true), "base's weights"), ("modules_to_save", ["mlp"], "only embed_tokens, lm_head and norms"),
        ("layer_replication", [[0, 1]], "other layers"),
        ("use_qalora", true, "QA-LoRA"), ("use_bdlora", ["nblocks": 2], "BD-LoRA"),
        ("kasa_config", ["beta": 1], "KaSA"), ("arrow_config", ["top_k": 2], "one by one"), ("target_parameters", ["x"], "has no experts; name linear maps in target_modules"),
        ("megatron_config", ["a": 1], "Megatron"), ("monteclora_config", ["a": 1], "MonteCLoRA"),
        ("init_lora_weights", "pissa_niter_4", "path_initial_model"), ("init_lora_weights", "olora", "path_initial_model"),
        ("init_lora_weights", "loftq", "path_initial_model"), ("init_lora_weights", "corda", "path_initial_model"),
        ("init_lora_weights", "lora_ga", "path_initial_model"), ("init_lora_weights", "news", "not known"),
        ("task_type", "SEQ_CLS", "CAUSAL_LM"), ("a_key_of_tomorrow", 3, "unknown key"), ("peft_type", "LOKR", "LORA"),
        ("target_modules", "(?!x).*", "lookahead"),
    ] as [(String, JSONValue, String)])
    func aKeyThatChangesTheAnswers(key: String, value: JSONValue, reason: String) throws {
        let error = try Self.refusal { $0.configuration[key] = value }
        #expect(error.code == .unsupported, "\(error)")
        #expect(error.file == "adapter_config.json")
        #expect(error.key?.contains(key) == true)
        #expect(error.message.contains(reason), "\(error)")
    }

    @Test(arguments: [
        ("r", JSONValue.integer(0)), ("r", 1_000_000), ("r", "8"), ("lora_alpha", "x"), ("use_rslora", "yes"), ("lora_bias", 1),
        ("rank_pattern", [1]), ("rank_pattern", ["q_proj": 0]), ("alpha_pattern", ["q_proj": "x"]), ("target_modules", 3), ("target_modules", []),
        ("target_modules", [1]), ("layers_to_transform", "1"), ("layers_pattern", "layers"), ("bias", "some"), ("peft_type", 3),
    ] as [(String, JSONValue)])
    func aValueOfTheWrongKind(key: String, value: JSONValue) throws {
        let error = try Self.refusal { $0.configuration[key] = value }
        #expect(error.code == .malformed, "\(error)")
        #expect(error.key?.hasPrefix(key) == true, "\(error)")
    }

    @Test func trainingOptionsAreNoMatter() throws {
        let folder = try TemporaryFolder()
        var adapter = TinyAdapter()
        let options: JSONObject = [
            "lora_dropout": 0.1, "loftq_config": ["loftq_bits": 4], "init_lora_weights": "gaussian", "fan_in_fan_out": true,
            "auto_mapping": ["a": "b"], "megatron_core": "megatron.core", "qalora_group_size": 16, "unknown_but_unset": false,
        ]
        for (key, value) in options { adapter.configuration[key] = value }
        try adapter.write(to: "\(folder.path)/a")
        #expect(AdapterInspection.inspect(folder: "\(folder.path)/a", base: TinyBase.llama).problems.isEmpty)
    }

    @Test func hostileConfigurations() throws {
        let deep = String(repeating: "[", count: 10_000)
        for (text, code) in [
            (deep, AdapterError.Code.malformed), ("{\"r\": 8}", .malformed), ("[]", .malformed), ("{\"peft_type\": \"LORA\"} x, y", .malformed),
            ("{\"peft_type\": \"LO\u{0}", .malformed), ("", .notReady), ("{\"peft_type\": \"LO", .notReady), ("{\"peft_type\": ", .notReady),
        ] {
            let error = try Self.refusal(files: { try $0.write(text, to: "a/adapter_config.json") })
            #expect(error.code == code, "\(text.prefix(30)): \(error)")
            #expect(error.file == "adapter_config.json")
        }
        var limits = AdapterLimits()
        limits.configurationBytes = 100
        #expect(try Self.refusal(limits: limits).code == .limitExceeded)
    }

    // MARK: Tensors

    @Test(arguments: [
        ("base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector", AdapterError.Code.unreadTensor, "DoRA"),
        ("base_model.model.model.embed_tokens.lora_embedding_A", .unreadTensor, "a LoRA of the embedding"),
        ("base_model.model.lm_head.lora_A.weight", .unreadTensor, "does not ask"),
        ("base_model.model.model.embed_tokens.base_layer.weight", .unreadTensor, "copy"),
        ("base_model.model.model.layers.0.self_attn.q_proj.base_layer.bias", .unreadTensor, "`bias` does not ask"),
        ("base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta", .unreadTensor, "trained tokens"),
        ("base_model.model.model.layers.0.self_attn.q_proj.lora_B.bias", .unreadTensor, "lora_bias"),
        ("base_model.model.model.layers.2.self_attn.q_proj.lora_A.weight", .otherBase, "layers 0 to 1"),
        ("base_model.model.model.layers.0.self_attn.k_proj.lora_A.weight", .unreadTensor, "does not target"),
        ("base_model.model.transformer.h.0.c_attn.lora_A.weight", .unreadTensor, "no module"),
        ("model.layers.0.self_attn.q_proj.lora_A.weight", .unreadTensor, "base_model.model."),
        ("base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight", .unreadTensor, "lora_A.weight"),
        ("base_model.model.lm_head.weight", .otherBase, "the vocabulary has 2 tokens"),
        ("base_model.model.lm_head.ia3_l", .unsupported, "IA3"), ("base_model.model.lm_head.something", .unreadTensor, "nothing"),
        ("base_model.model.model.norm.weight", .unreadTensor, "nothing"), ("\u{1B}[31m", .unreadTensor, "nothing"),
    ])
    func aTensorThatNothingReads(name: String, code: AdapterError.Code, reason: String) throws {
        let error = try Self.refusal { $0.set(name, [2, 8], [Float](repeating: 1, count: 16)) }
        #expect(error.code == code, "\(error)")
        #expect(error.tensor == name && error.file == "adapter_model.safetensors")
        #expect(error.message.contains(reason), "\(error)")
        #expect(!error.description.contains("\u{1B}"))
    }

    @Test func halfOfAPairAndMissingTargets() throws {
        let b = TinyAdapter.b(1, .value)
        let half = try Self.refusal { $0.tensors[b] = nil }
        #expect(half.code == .missingTensor && half.tensor == b)
        #expect(half.message.contains("lora_A.weight"))
        let a = TinyAdapter.a(1, .value)
        let missing = try Self.refusal {
            $0.tensors[a] = nil
            $0.tensors[b] = nil
        }
        #expect(missing.code == .missingTensor && missing.tensor == a && missing.message.contains("targets"))
        let untargeted = try Self.refusal { $0.configuration["target_modules"] = ["c_attn"] }
        #expect(untargeted.code == .unreadTensor)
        let nothing = try Self.refusal {
            $0.configuration["target_modules"] = ["c_attn"]
            $0.tensors = [:]
        }
        #expect(nothing.code == .noEffect, "\(nothing)")
        let bias = try Self.refusal { $0.configuration["lora_bias"] = true }
        #expect(bias.code == .missingTensor && bias.tensor?.hasSuffix("lora_B.bias") == true)
        let head = try Self.refusal { $0.configuration["target_modules"] = ["q_proj", "v_proj", "lm_head"] }
        #expect(head.code == .missingTensor && head.tensor == "base_model.model.lm_head.lora_A.weight")
    }

    @Test func wrongShapesAndOtherBases() throws {
        let a = TinyAdapter.a(0, .query)
        let rank = try Self.refusal { $0.set(a, [3, 8], [Float](repeating: 1, count: 24)) }
        #expect(rank.code == .wrongShape && rank.tensor == a && rank.message.contains("[3, 8], expected [2, 8]"), "\(rank)")
        let width = try Self.refusal { $0.set(a, [2, 9], [Float](repeating: 1, count: 18)) }
        #expect(width.code == .otherBase && width.message.contains("[2, 9], expected [2, 8]"), "\(width)")
        #expect(width.message.contains("someone/tiny"))
        let dimensions = try Self.refusal { $0.set(a, [16], [Float](repeating: 1, count: 16)) }
        #expect(dimensions.code == .wrongShape)
        let transposed = try Self.refusal { $0.set(a, [8, 2], [Float](repeating: 1, count: 16)) }
        #expect(transposed.code == .otherBase)
        let integers = try Self.refusal { $0.tensors[a] = [Int32](repeating: 1, count: 16).withUnsafeBytes { .init(name: a, dtype: .i32, shape: [2, 8], copying: $0) } }
        #expect(integers.code == .wrongShape && integers.message.contains("i32"))
        let pattern = try Self.refusal { $0.configuration["rank_pattern"] = ["layers.1.self_attn.q_proj": 3] }
        #expect(pattern.code == .wrongShape && pattern.tensor == TinyAdapter.a(1, .query), "\(pattern)")
        let empty = try Self.refusal { $0.set(a, [0, 8], []) }
        #expect(empty.code == .wrongShape)
    }

    @Test func whatIsNotFinite() throws {
        let b = TinyAdapter.b(1, .query)
        for bad in [Float.nan, .infinity, -.infinity] {
            let error = try Self.refusal {
                var values = $0.values(b)
                values[5] = bad
                $0.set(b, [8, 2], values)
            }
            #expect(error.code == .nonFinite && error.tensor == b && error.message.contains("element 5"), "\(error)")
        }
        let half = try Self.refusal { $0.set(b, [8, 2], bits: [UInt16](repeating: 0x7C00, count: 16), dtype: .f16) }
        #expect(half.code == .nonFinite)
        let brain = try Self.refusal { $0.set(b, [8, 2], bits: [UInt16](repeating: 0xFF80, count: 16), dtype: .bf16) }
        #expect(brain.code == .nonFinite)
        let rounded = try Self.refusal({ $0.fill(b, with: .greatestFiniteMagnitude) }, element: .bf16)
        #expect(rounded.code == .nonFinite && rounded.message.contains("bf16"))
        let scale = try Self.refusal { $0.configuration["lora_alpha"] = 1e300 }
        #expect(scale.code == .nonFinite && scale.key == "lora_alpha")
    }

    @Test func whatWouldChangeNothing() throws {
        let zeroB = try Self.refusal { for layer in 0..<2 { for p in [Projection.query, .value] { $0.fill(TinyAdapter.b(layer, p), with: 0) } } }
        #expect(zeroB.code == .noEffect && zeroB.tensor == TinyAdapter.b(0, .query), "\(zeroB)")
        let zeroA = try Self.refusal { for layer in 0..<2 { for p in [Projection.query, .value] { $0.fill(TinyAdapter.a(layer, p), with: -0.0) } } }
        #expect(zeroA.code == .noEffect)
        let zeroAlpha = try Self.refusal { $0.configuration["lora_alpha"] = 0 }
        #expect(zeroAlpha.code == .noEffect && zeroAlpha.key == "lora_alpha")
        // Row 0 of A meets column 1 of B: their product is zero.
        let crossed = try Self.refusal {
            for layer in 0..<2 {
                for projection in [Projection.query, .value] {
                    let outputs = projection.shape(in: TinyBase.llama).outputs
                    $0.set(TinyAdapter.a(layer, projection), [2, 8], (0..<16).map { $0 < 8 ? 1 : 0 })
                    $0.set(TinyAdapter.b(layer, projection), [outputs, 2], (0..<2 * outputs).map { Float($0 % 2) })
                }
            }
        }
        #expect(crossed.code == .noEffect)
    }

    // MARK: Files

    @Test(arguments: ["adapter_model.bin", "adapter_model.pt", "adapter_model.pth", "pytorch_model.bin"])
    func aPickle(file: String) throws {
        let error = try Self.refusal(files: {
            try $0.remove("a/adapter_model.safetensors")
            try $0.write("\u{80}", to: "a/\(file)")
        })
        #expect(error.code == .pickle && error.file == file && error.message.contains("safe_serialization"), "\(error)")
    }

    @Test func linksThatLeaveTheFolder() throws {
        for file in ["adapter_config.json", "adapter_model.safetensors", "chat_template.jinja"] {
            let error = try Self.refusal(files: { folder in
                try folder.write("x", to: "outside")
                try? folder.remove("a/\(file)")
                try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/a/\(file)", withDestinationPath: "../outside")
            })
            #expect(error.code == .unsafePath && error.file == file, "\(error)")
        }
        let other = try TemporaryFolder()
        try TinyAdapter().write(to: "\(other.path)/b")
        let error = try Self.refusal(files: { folder in
            try folder.remove("a")
            try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/a", withDestinationPath: "\(other.path)/b")
        })
        #expect(error.code == .unsafePath)
    }

    @Test func aLinkWithinTheFolderIsFine() throws {
        let folder = try TemporaryFolder()
        try TinyAdapter().write(to: "\(folder.path)/a")
        try FileManager.default.moveItem(atPath: "\(folder.path)/a/adapter_model.safetensors", toPath: "\(folder.path)/a/blob")
        try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/a/adapter_model.safetensors", withDestinationPath: "blob")
        try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/alias", withDestinationPath: "a")
        let store = AdapterStore(folder: folder.path, base: TinyBase.llama, budgetBytes: 1 << 20)
        #expect(store.rescan().added == ["a", "alias"])
        #expect(try store.acquire("a").version == store.acquire("alias").version)
    }

    @Test func everyTruncationOfTheWeightsWaits() throws {
        let folder = try TemporaryFolder()
        try TinyAdapter().write(to: "\(folder.path)/a")
        let whole = try folder.read("a/adapter_model.safetensors")
        for count in stride(from: 0, to: whole.count, by: 13) {
            try folder.write(Array(whole[..<count]), to: "a/adapter_model.safetensors")
            let inspection = AdapterInspection.inspect(folder: "\(folder.path)/a", base: TinyBase.llama)
            #expect(inspection.problems.first?.code == .notReady, "\(count) bytes: \(inspection.problems)")
        }
    }

    @Test func hostileHeaders() throws {
        for header in ["{\"a\":", "{}", "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", "[[[[[[[["] {
            let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
            let error = try Self.refusal(files: { try $0.write(length + Array(header.utf8), to: "a/adapter_model.safetensors") })
            #expect([.malformed, .missingTensor].contains(error.code), "\(header): \(error)")
        }
        let huge = withUnsafeBytes(of: UInt64.max) { Array($0) }
        #expect(try Self.refusal(files: { try $0.write(huge + [0x7B], to: "a/adapter_model.safetensors") }).code == .limitExceeded)
    }

    @Test(arguments: ["../a", "a/b", "", ".a", "-a", "a.partial", "Base", "auto", "LMOE", "encoder", "a\u{0}b", "ä", "..", String(repeating: "a", count: 65)])
    func namesThatNoAdapterHas(name: String) throws {
        let folder = try TemporaryFolder()
        let store = AdapterStore(folder: folder.path, base: TinyBase.llama, budgetBytes: 1 << 20)
        #expect(throws: AdapterError.self) { try AdapterName.check(name) }
        for attempt in [{ _ = try store.acquire(name) }, { try store.remove(name) }, { try store.add(from: folder.path, name: name) }] {
            let error = #expect(throws: AdapterError.self) { try attempt() }
            #expect(error?.code == .invalidName)
        }
    }

    @Test func inspectionCollectsAllProblems() throws {
        let folder = try TemporaryFolder()
        var adapter = TinyAdapter()
        adapter.configuration["use_qalora"] = true
        adapter.tensors[TinyAdapter.b(0, .query)] = nil
        adapter.set("surplus", [1], [1])
        adapter.fill(TinyAdapter.a(1, .value), with: .nan)
        try adapter.write(to: "\(folder.path)/a")
        let inspection = AdapterInspection.inspect(folder: "\(folder.path)/a", base: TinyBase.llama)
        #expect(inspection.problems.map(\.code) == [.unsupported, .unreadTensor, .missingTensor, .nonFinite], "\(inspection.problems)")
        #expect(!inspection.takesEffect && inspection.effects.isEmpty)
        #expect(inspection.summary?.patchCount == 3 && inspection.tensors.count == 8)
    }

    @Test func inspectionMeasuresTheChange() throws {
        let folder = try TemporaryFolder()
        var adapter = TinyAdapter(targets: [.query])
        adapter.fill(TinyAdapter.b(1, .query), with: 0)
        try adapter.write(to: "\(folder.path)/a")
        let inspection = AdapterInspection.inspect(folder: "\(folder.path)/a", base: TinyBase.llama)
        let (a, b) = (adapter.values(TinyAdapter.a(0, .query)), adapter.values(TinyAdapter.b(0, .query)))
        var square = 0.0
        for output in 0..<8 {
            for input in 0..<8 {
                let change = 2 * (Double(b[2 * output]) * Double(a[input]) + Double(b[2 * output + 1]) * Double(a[8 + input]))
                square += change * change
            }
        }
        #expect(abs(inspection.effects[0].norm - square.squareRoot()) < 1e-9)
        #expect(inspection.idleTargets == ["model.layers.1.self_attn.q_proj"])
        #expect(inspection.takesEffect)
    }
}
