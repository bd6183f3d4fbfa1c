import Glibc
import JSON
import Tensors
import Testing

@testable import Models

@Suite("families of bases")
struct FamilyTests {
    private func read(_ type: String, _ changes: JSONObject) throws -> DecoderConfiguration {
        try DecoderConfiguration(huggingFace: .object(TinyModel.config(type, changes)), name: "tiny", file: "config.json")
    }

    @Test(
        "a field that a family cannot have is refused, and the message says why",
        arguments: [
            ("smollm3", ["no_rope_layers": [1]], "no_rope_layers"),
            ("smollm3", ["use_sliding_window": true], "use_sliding_window is not implemented"),
            ("granite", ["residual_multiplier": 0], "the factors of branches and logits"),
            ("granite", ["logits_scaling": 0], "the factors of branches and logits"),
            ("gemma2", ["hidden_act": "silu"], "activation \"silu\" is not implemented; gelu_pytorch_tanh is"),
            ("gemma2", ["hidden_act": "gelu", "attn_logit_softcapping": -1], "the soft caps"),
            ("phi3", ["partial_rotary_factor": 0], "partial_rotary_factor is 0.0"),
            ("phi3", ["partial_rotary_factor": 0.1], "1 elements of a head are rotated"),
            ("mixtral", ["num_experts_per_tok": 9], "the number of experts of a row is 9, expected 1 to 8"),
            ("mixtral", ["num_local_experts": 100_000], "the number of experts is 100000"),
            ("qwen3_moe", ["moe_intermediate_size": 40, "mlp_only_layers": [1]], "layers without experts"),
            ("gpt_oss", ["swiglu_limit": 0], "the activation's slope and limit"),
            ("llama", ["quantization_config": ["quant_method": "mxfp4"]], "quantised safetensors are not implemented but for GPT-OSS's mxfp4"),
            ("qwen3_moe", ["moe_intermediate_size": 40, "decoder_sparse_step": 2], "layers without experts"),
        ] as [(String, JSONObject, String)])
    func refusals(type: String, changes: JSONObject, message: String) throws {
        let error = try #require(throws: ModelError.self) { try read(type, changes) }
        #expect(error.description.contains(message), "\(error)")
    }

    @Test("what the files leave out is what the families' classes have")
    func defaults() throws {
        let smollm = try read("smollm3", ["num_hidden_layers": 9, "rope_theta": nil, "tie_word_embeddings": nil])
        #expect(smollm.unrotatedLayers == [3, 7] && smollm.tiedHead && smollm.rope.base == 2_000_000)
        let gemma = try read("gemma2", ["hidden_act": nil, "num_hidden_layers": 5, "query_pre_attn_scalar": 144])
        #expect(gemma.fullLayers == [1, 3] && gemma.slidingWindow == 4096 && gemma.attentionScale == 1 / 12)
        #expect(gemma.attentionSoftCap == 50 && gemma.logitSoftCap == 30 && gemma.activation == .geluTanh)
        let uncapped = try read("gemma2", ["hidden_act": nil])
        #expect(uncapped.outputNorms && uncapped.inputNorms && !uncapped.headNorms)
        let mixtral = try read("mixtral", [:])
        #expect(mixtral.experts == ExpertLayout(count: 8, chosen: 2, normalizes: true) && !mixtral.has(.gate) && mixtral.has(.output))
        #expect(try read("qwen3_moe", ["moe_intermediate_size": 24]).feedForward == 24)
        let gptOSS = try read("gpt_oss", ["num_hidden_layers": 3, "head_dim": nil, "rope_theta": nil])
        #expect(gptOSS.experts == ExpertLayout(count: 128, chosen: 4, normalizes: true, hasBiases: true) && gptOSS.hasSinks)
        #expect(gptOSS.slidingWindow == 128 && gptOSS.fullLayers == [1] && gptOSS.headDimension == 64 && gptOSS.rope.base == 150_000)
        #expect(gptOSS.activation == .clamped(slope: 1.702, limit: 7) && gptOSS.biases == [.query, .key, .value, .output])
    }

    @Test("LongRoPE has short factors for sequences within the original context, long ones for others")
    func longRoPE() throws {
        func rope(_ context: Int64) throws -> RotaryEmbedding {
            let scaling: JSONValue = [
                "type": "longrope", "short_factor": [1, 1, 1, 1, 1, 2], "long_factor": [1, 2, 3, 4, 5, 6], "attention_factor": 1.5,
            ]
            let rope = try read(
                "phi3", ["rope_scaling": scaling, "max_position_embeddings": .integer(context), "original_max_position_embeddings": 64]
            ).rope
            #expect(rope.magnitude == 1.5)
            return rope
        }
        #expect(try rope(64).scaling == .divisors([1, 1, 1, 1, 1, 2]) && rope(64).short == nil && !rope(64).isShort(10))
        let long = try rope(65)
        #expect(long.scaling == .divisors([1, 2, 3, 4, 5, 6]) && long.short == .init(divisors: [1, 1, 1, 1, 1, 2], positions: 64))
        #expect(long.isShort(64) && !long.isShort(65))
        #expect(long.frequencies(dimension: 12, isShort: true)[5] == 3 * long.frequencies(dimension: 12)[5])
    }

    @Test("an adapter for a map that a mixture does not have is refused by name")
    func missingMaps() throws {
        let configuration = try read("mixtral", [:])
        var random = TinyModel.Random(seed: 1)
        let low = try LowRank(
            a: TinyModel.view("a", [1, 48], random.floats(48)), b: TinyModel.view("b", [80, 1], random.floats(80)), scale: 1, element: .f32)
        let delta = AdapterDelta(layers: 2, patches: [(1, .gate, LinearPatch(lowRank: low))])
        let error = try #require(throws: ModelError.self) { try delta.validate(for: configuration) }
        #expect(error.code == .unsupported && error.tensor == "layers.1.mlp.gate_proj")
    }

    @Test("updates of experts fit a mixture with as many experts of that size, and are refused by name elsewhere")
    func experts() throws {
        let configuration = try read("mixtral", ["num_local_experts": 3])
        var random = TinyModel.Random(seed: 2)
        let delta = try Deltas.experts(configuration, &random, element: .int8)
        try delta.validate(for: configuration)
        #expect(delta.fits(configuration, .fast) && !delta.fits(configuration, .reference))
        for (other, message) in [
            (try read("mixtral", ["num_local_experts": 4]), "layers.0.mlp.experts"), (try read("mixtral", ["num_local_experts": 3, "intermediate_size": 48]), "layers.0.mlp.experts.0"),
            (try read("llama", [:]), "layers.0.mlp.experts"),
        ] {
            #expect(!delta.fits(other, .fast))
            let error = try #require(throws: ModelError.self) { try delta.validate(for: other) }
            #expect(error.tensor?.hasPrefix(message) == true || error.description.contains(message), "\(error)")
        }
    }

    @Test("bases whose gradients are missing are not tuned, and the message says which gradients", arguments: ["gemma2", "granite", "olmo2", "mixtral", "gpt_oss"])
    func training(type: String) throws {
        let changes: JSONObject = type == "granite" ? ["residual_multiplier": 0.5] : type == "gemma2" ? ["hidden_act": "gelu"] : [:]
        let model = try TinyModel(TinyModel.config(type, changes))
        let weights = try DecoderWeights(ModelFiles.open(model.path), precision: .reference, pool: ReferenceDecoderTests.pool)
        let error = try #require(throws: ModelError.self) { try TrainingWorkspace(weights, pool: ReferenceDecoderTests.pool, maximumRows: 4) }
        #expect(error.code == .unsupported && error.message.contains("(\(type)) cannot be tuned here"))
    }

    @Test(
        "log-probabilities of the training step are those of the reference path, where heads are rotated in another way",
        arguments: ["smollm3", "phi3", "phi3-long", "yarn", "gemma"])
    func trainingForward(name: String) throws {
        let expected = try ReferenceDecoderTests.expected(name)
        let files = try ModelFiles.open(fixtures.appendingPathComponent("tiny/\(name)").path)
        let weights = try DecoderWeights(files, precision: .reference, pool: ReferenceDecoderTests.pool)
        let workspace = try TrainingWorkspace(weights, pool: ReferenceDecoderTests.pool, maximumRows: 64)
        let tokens = expected.tokens
        let run = TrainingBatch.Run(tokens: tokens, isTarget: tokens.indices.map { $0 > 0 }, adapter: nil)
        let found = try workspace.forward(TrainingBatch(runs: [run]), differentiates: false)[0]
        let vocabulary = files.configuration.vocabulary
        #expect(found.count == tokens.count - 1)
        for (position, value) in found.enumerated() {
            let row = expected.logits[position * vocabulary..<(position + 1) * vocabulary].map(Double.init)
            let most = row.max() ?? 0
            let sum = row.reduce(0) { $0 + exp($1 - most) }
            let wanted = row[Int(tokens[position + 1])] - most - log(sum)
            #expect(abs(Double(value) - wanted) < 1e-3, "position \(position)")
        }
    }
}
