import Glibc
import JSON
import Tensors
import TestSupport
import Testing

@testable import Models

@Suite("opening a model")
struct ModelFilesTests {
    @Test("the real base model: configuration, tokenizer and template out of the GGUF file")
    func baseModel() throws {
        let files = try ModelFiles.open(baseModelPath)
        let configuration = files.configuration
        #expect(configuration.architecture == .llama && configuration.tiedHead && configuration.biases.isEmpty)
        #expect((configuration.vocabulary, configuration.hidden, configuration.layers) == (49152, 576, 30))
        #expect((configuration.heads, configuration.keyValueHeads, configuration.headDimension) == (9, 3, 64))
        #expect((configuration.feedForward, configuration.contextLength) == (1536, 8192))
        #expect(configuration.rope == RotaryEmbedding(base: 100_000) && configuration.normEpsilon == 1e-5)
        #expect(files.name == "base" && files.chatTemplate?.contains("<|im_start|>") == true)
        guard case .gguf(let tokenizer) = files.tokenizer else {
            Issue.record("a GGUF file carries its tokenizer")
            return
        }
        #expect(tokenizer.model == "gpt2" && tokenizer.preTokenizer == "smollm" && tokenizer.tokens.count == 49152)
        #expect(tokenizer.merges.first == "Ġ t" && tokenizer.eos == 2 && !tokenizer.addBOS)
        #expect(try ModelFiles.open(baseModelPath).identity == files.identity && files.identity.count == 16)
    }

    @Test("query rows of a GGUF Llama file go back to the order of the checkpoint")
    func rowOrder() throws {
        let files = try ModelFiles.open(baseModelPath)
        let order = try #require(files.rowOrder(.query))
        #expect(order.sorted() == Array(0..<576))
        // Head 1: its first half is the even rows, its second half the odd ones.
        #expect(Array(order[64..<67]) == [64, 66, 68] && Array(order[96..<99]) == [65, 67, 69])
        #expect(files.rowOrder(.value) == nil)
    }

    @Test("each family's configuration", arguments: ["llama", "mistral", "qwen2", "qwen3", "gemma3_text"])
    func families(type: String) throws {
        let model = try TinyModel(TinyModel.config(type))
        let files = try ModelFiles.open(model.path)
        let configuration = files.configuration
        #expect(configuration.architecture.modelType == type && configuration.headDimension == 12)
        #expect(configuration.biases == (type == "qwen2" ? [.query, .key, .value] : []))
        #expect(configuration.headNorms == (type == "qwen3" || type == "gemma3_text"))
        #expect(configuration.outputNorms == (type == "gemma3_text"))
        #expect(configuration.slidingWindow == (type == "mistral" || type == "gemma3_text" ? 4096 : nil))
        #expect(files.rowOrder(.query) == nil && files.chatTemplate == nil)
    }

    @Test("a snapshot of a hub's cache has the repository's name, and links are followed")
    func snapshotName() throws {
        let model = try TinyModel(TinyModel.config("llama"))
        let cache = try TemporaryFolder()
        let snapshot = try cache.makeFolder("models--acme--tiny-1.5/snapshots/0123abcd")
        for name in ["config.json", "model.safetensors"] { try cache.link("models--acme--tiny-1.5/snapshots/0123abcd/\(name)", to: "\(model.path)/\(name)") }
        #expect(try ModelFiles.open(snapshot).name == "tiny-1.5")
        #expect(try ModelFiles.open("\(snapshot)/").name == "tiny-1.5")
    }

    @Test("another weight gives another identity")
    func identity() throws {
        let (one, other) = (try TinyModel(TinyModel.config("llama")), try TinyModel(TinyModel.config("llama"), seed: 2))
        #expect(try ModelFiles.open(one.path).identity != ModelFiles.open(other.path).identity)
    }

    @Test("sliding windows: Qwen2's from a layer on, Mistral's null and absent")
    func slidingWindows() throws {
        func read(_ type: String, _ changes: JSONObject) throws -> DecoderConfiguration {
            try DecoderConfiguration(huggingFace: .object(TinyModel.config(type, changes)), name: "tiny", file: "config.json")
        }
        let qwen = try read("qwen2", ["use_sliding_window": true, "sliding_window": 32, "max_window_layers": 1])
        #expect(qwen.slidingWindow(layer: 0) == nil && qwen.slidingWindow(layer: 1) == 32)
        #expect(try read("qwen2", ["use_sliding_window": false, "sliding_window": 32]).slidingWindow == nil)
        #expect(try read("mistral", ["sliding_window": nil]).slidingWindow == nil)
        #expect(try read("mistral", ["sliding_window": 7]).slidingWindow == 7)
    }

    @Test("Gemma 3: which layers slide, the two rotations, the factors, and what absent fields mean")
    func gemma3() throws {
        func read(_ changes: JSONObject) throws -> DecoderConfiguration {
            try DecoderConfiguration(
                huggingFace: .object(TinyModel.config("gemma3_text", changes)), name: "tiny", file: "config.json")
        }
        let plain = try read(["num_hidden_layers": 13, "rope_theta": nil, "tie_word_embeddings": nil])
        #expect(plain.fullLayers == [5, 11] && plain.slidingWindow(layer: 5) == nil && plain.slidingWindow(layer: 6) == 4096)
        #expect(plain.rope == RotaryEmbedding(base: 1_000_000) && plain.slidingRope == RotaryEmbedding(base: 10_000))
        #expect(plain.tiedHead && plain.activation == .geluTanh && plain.embeddingScale == Float(48).squareRoot())
        #expect(plain.attentionScale == 0.0625)
        let other = try read([
            "layer_types": ["full_attention", "sliding_attention"], "query_pre_attn_scalar": 64, "sliding_window": 9,
            "rope_parameters": [
                "full_attention": ["rope_type": "linear", "factor": 8, "rope_theta": 500],
                "sliding_attention": ["rope_type": "default", "rope_theta": 20],
            ],
        ])
        #expect(other.fullLayers == [0] && other.slidingWindow(layer: 1) == 9 && other.attentionScale == 0.125)
        #expect(other.rope == RotaryEmbedding(base: 500, scaling: .linear(factor: 8)))
        #expect(other.slidingRope == RotaryEmbedding(base: 20))
        for (changes, message) in [
            (["final_logit_softcapping": 30], "final_logit_softcapping is not implemented"),
            (["attn_logit_softcapping": 50], "attn_logit_softcapping is not implemented"),
            (["hidden_activation": "gelu"], "\"gelu\" is not implemented"),
            (["layer_types": ["full_attention"]], "1 layer types, expected one for each of 2 layers"),
            (["layer_types": ["full_attention", "linear_attention"]], "\"linear_attention\" is not implemented"),
            (["use_bidirectional_attention": true], "use_bidirectional_attention"),
            (["query_pre_attn_scalar": -1], "the factors of embeddings and attention scores"),
            (["sliding_window": 0], "the sliding window is 0"),
            (["rope_local_base_freq": 0], "the rotary base is 0"),
            (["num_hidden_layers": 1_000_000_000], "the number of layers"),
        ] as [(JSONObject, String)] {
            let error = try #require(throws: ModelError.self) { try read(changes) }
            #expect(error.description.contains(message), "\(error)")
        }
    }

    @Test(
        "a configuration that cannot be is refused, and the message says why",
        arguments: [
            (["num_attention_heads": 0], "the number of attention heads is 0"),
            (["num_key_value_heads": 3], "4 attention heads are no multiple of 3"),
            (["num_key_value_heads": 0], "the number of key-value heads is 0"),
            (["head_dim": 13], "the head dimension 13 is odd"),
            (["head_dim": -2], "the head dimension is -2"),
            (["hidden_size": 4_611_686_018_427_387_904], "the hidden size is"),
            (["num_hidden_layers": 1_000_000_000], "the number of layers is 1000000000"),
            (["vocab_size": -5], "the vocabulary is -5"),
            (["intermediate_size": 0], "the feed-forward size is 0"),
            (["hidden_size": "wide"], "hidden_size"),
            (["hidden_size": nil], "hidden_size"),
            (["rms_norm_eps": -1], "the norm epsilon"),
            (["rope_theta": 0], "the rotary base"),
            (["model_type": "gpt2"], "\"gpt2\" is not implemented"),
            (["hidden_act": "gelu"], "\"gelu\" is not implemented"),
            (["rope_scaling": ["rope_type": "yarn", "factor": 0]], "the rotary factor is 0"),
            (["rope_scaling": ["rope_type": "yarn", "factor": 4, "beta_fast": 1]], "the rotary ramp goes from 1.0 to 1.0 turns"),
            (["rope_scaling": ["rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 0]], "the rotary original context is 0"),
            (["rope_scaling": ["rope_type": "longrope", "factor": 4]], "rope_scaling.short_factor"),
            (["rope_scaling": ["type": "su", "short_factor": [1, 2]]], "2 rotary divisors found, expected 6"),
            (["layer_types": ["full_attention", "sliding_attention"]], "layer types other than full_attention"),
            (["model_type": "deepseek_v3"], "\"deepseek_v3\" is not implemented; llama"),
            (["text_config": ["model_type": "llama"]], "\"llama\" with a text_config is not implemented"),
            (["rope_scaling": ["type": "dynamic", "factor": 4]], "\"dynamic\" is not implemented"),
            (["rope_scaling": ["type": "linear", "factor": 0]], "the rotary factor is 0"),
            (["rope_scaling": ["type": "linear"]], "rope_scaling.factor"),
            (["partial_rotary_factor": 0.5], "partial_rotary_factor"),
            (["quantization_config": ["bits": 4]], "quantised safetensors"),
        ] as [(JSONObject, String)])
    func hostileConfiguration(changes: JSONObject, message: String) throws {
        let model = try TinyModel(TinyModel.config("llama", changes))
        let error = try #require(throws: ModelError.self) { try ModelFiles.open(model.path) }
        #expect(error.description.contains(message), "\(error)")
        #expect(error.file?.hasSuffix("config.json") == true)
    }

    @Test("missing, extra and misshapen tensors are named")
    func tensors() throws {
        let name = "model.layers.1.mlp.up_proj.weight"
        func error(_ edit: (inout [String: TensorView]) throws -> Void) throws -> ModelError {
            let model = try TinyModel(TinyModel.config("llama"), edit: edit)
            return try #require(throws: ModelError.self) { try ModelFiles.open(model.path) }
        }
        let missing = try error { $0[name] = nil }
        #expect(missing.code == .missingTensor && missing.tensor == name)
        let misshapen = try error { $0[name] = try TinyModel.view(name, [2, 48], [Float](repeating: 0, count: 96)) }
        #expect(misshapen.code == .wrongShape && misshapen.tensor == name)
        #expect(misshapen.message.contains("[80, 48]") && misshapen.message.contains("[2, 48]"))
        let extra = try error { $0["model.layers.2.mlp.up_proj.weight"] = $0[name]?.renamed("model.layers.2.mlp.up_proj.weight") }
        #expect(extra.code == .unexpectedTensor && extra.tensor == "model.layers.2.mlp.up_proj.weight")
    }

    @Test("no path, an empty folder and a file of another kind")
    func otherPaths() throws {
        #expect(try #require(throws: ModelError.self) { try ModelFiles.open("/no/such/model") }.code == .notFound)
        let empty = try TinyModel(TinyModel.config("llama"))
        #expect(throws: ModelError.self) { try ModelFiles.open(empty.path + "/config.json") }
        #expect(throws: ModelError.self) { try ModelFiles.open(repository.appendingPathComponent("Sources").path) }
    }

    @Test("a file that another process truncates is noticed by who opens it, who packs it and who steps", arguments: [ModelPrecision.fast, .reference])
    func truncated(precision: ModelPrecision) throws {
        let model = try TinyModel(TinyModel.config("llama"))
        let files = try ModelFiles.open(model.path)
        let decoder = try StepWorkspace(files, precision: precision, pool: ReferenceDecoderTests.pool)
        _ = Sequence([1, 2, 3]).logits(decoder)
        #expect(!decoder.weights.isDamaged)
        #expect(truncate(model.path + "/model.safetensors", 0) == 0)
        // The process lives, and the step's owner can tell that these logits are wrong.
        _ = Sequence([1, 2, 95]).logits(decoder)
        #expect(decoder.weights.isDamaged)
        let late = #expect(throws: ModelError.self) { try DecoderWeights(files, precision: precision, pool: ReferenceDecoderTests.pool) }
        #expect(late?.code == .malformed && late?.file?.hasSuffix("model.safetensors") == true)
        #expect(throws: ModelError.self) { try ModelFiles.open(model.path) }
    }
}
