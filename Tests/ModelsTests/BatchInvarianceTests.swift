import JSON
import Tensors
import Testing

@testable import Models

/// Rows of different runs never influence each other: alone, in any batch, cut in any way, on any number of threads.
@Suite("batch invariance, bit for bit")
struct BatchInvarianceTests {
    /// Sequences of random lengths: the base, ranks 1, 4, 16, 64 in int8 and bf16, two of every kind of patch, one with branches,
    /// some that change embedding and head (with tables of their own where that is a small matter), mixtures, and some of all these
    /// once more.
    static func sequences(
        _ configuration: DecoderConfiguration, longest: Int, _ random: inout TinyModel.Random
    ) throws -> [Sequence] {
        var deltas: [AdapterDelta?] = [nil]
        for rank in [1, 4, 16, 64] {
            deltas.append(try Deltas.lowRank(rank, configuration, &random, element: rank == 4 ? .bf16 : .int8))
        }
        for _ in 0..<2 { deltas.append(try Deltas.mixed(configuration, &random)) }
        deltas.append(try Deltas.branches(configuration, &random))
        for (element, isOwn) in [(LowRank.Element.int8, true), (.f32, true), (.int8, false)]
        where !isOwn || configuration.vocabulary < 1000 {
            deltas.append(try Deltas.vocabulary(configuration, &random, element: element, isOwn: isOwn))
        }
        deltas.append(try Deltas.mixtures(configuration, &random, element: .int8))
        deltas.append(try Deltas.mixtures(configuration, &random, element: .bf16, scalesDown: true))
        deltas.append(try Deltas.linearMixtures(configuration, &random, element: .int8))
        if configuration.experts != nil {
            for element in LowRank.Element.allCases { deltas.append(try Deltas.experts(configuration, &random, element: element)) }
        }
        deltas += deltas.shuffled(using: &random).prefix(6)
        var firstBlock: Int32 = 0
        return deltas.map { delta in
            let count = Int.random(in: 1...longest, using: &random)
            let tokens = (0..<count).map { _ in Int32.random(in: 0..<Int32(configuration.vocabulary), using: &random) }
            let sequence = Sequence(tokens, delta: delta, firstBlock: firstBlock)
            firstBlock += Int32(sequence.blocks.count)
            return sequence
        }
    }

    /// Runs all sequences together in steps of random parts, in random order or those of one adapter after each other; answers each
    /// one's rows.
    static func together(
        _ sequences: [Sequence], _ decoder: StepWorkspace, _ random: inout TinyModel.Random
    ) -> [[[Float]]] {
        let cache = decoder.makeCache(blocks: 1 + Int(sequences.flatMap(\.blocks).max() ?? 0))
        var rows = sequences.map { _ in [[Float]]() }
        while true {
            let waiting = sequences.indices.filter { rows[$0].count < sequences[$0].tokens.count }
            if waiting.isEmpty { return rows }
            var batch = StepBatch()
            var parts: [(sequence: Int, count: Int)] = []
            var order = waiting.shuffled(using: &random)
            if Bool.random(using: &random) {
                let deltas = sequences.map { $0.delta.map { UInt(bitPattern: ObjectIdentifier($0)) } ?? 0 }
                order.sort { deltas[$0] < deltas[$1] }
            }
            for index in order where parts.isEmpty || Bool.random(using: &random) {
                let (start, sequence) = (rows[index].count, sequences[index])
                let most = min(sequence.tokens.count - start, Bool.random(using: &random) ? 1 : 23)
                let count = Int.random(in: 1...most, using: &random)
                let first = batch.tokens.count
                batch.tokens += sequence.tokens[start..<start + count]
                batch.runs.append(
                    .init(
                        tokens: first..<first + count, startPosition: start, blocks: sequence.blocks,
                        delta: sequence.delta, logits: .all))
                parts.append((index, count))
            }
            var results = decoder.rows(batch, cache)[...]
            for part in parts {
                rows[part.sequence] += results.prefix(part.count)
                results = results.dropFirst(part.count)
            }
        }
    }

    static func check(
        _ path: String, longest: Int, rounds: Int, maximumRows: Int, keyValues: KeyValueFormat = .f16
    ) throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("batch invariance of \(path): seed \(seed)")
        var random = TinyModel.Random(seed: seed)
        let files = try ModelFiles.open(path)
        let sequences = try sequences(files.configuration, longest: longest, &random)
        let single = try StepWorkspace(
            files, precision: .fast, pool: WorkerPool(threads: 1), keyValueFormat: keyValues)
        let alone = sequences.map { $0.logits(single) }
        for threads in 1...rounds {
            let decoder = try StepWorkspace(
                files, precision: .fast, pool: WorkerPool(threads: threads), keyValueFormat: keyValues,
                maximumRows: threads == 2 ? maximumRows : 64)
            let together = together(sequences, decoder, &random)
            for (index, rows) in together.enumerated() {
                #expect(rows.allSatisfy { $0.allSatisfy { $0.isFinite } })
                #expect(rows == alone[index], "sequence \(index), \(threads) threads, seed \(seed)")
            }
            #expect(sequences[0].logits(decoder, chunk: 1) == alone[0], "token by token, seed \(seed)")
        }
    }

    @Test(
        "tiny models of every family, mixed adapters, random steps",
        arguments: [
            ("llama", [:]),
            ("llama", ["num_attention_heads": 9, "num_key_value_heads": 3, "tie_word_embeddings": true]),
            ("mistral", ["sliding_window": 11, "head_dim": 20, "vocab_size": 101]),
            ("qwen2", ["hidden_size": 40]),
            ("qwen3", ["head_dim": 32, "num_key_value_heads": 4]),
            (
                "gemma3_text",
                ["sliding_window": 11, "sliding_window_pattern": 3, "num_hidden_layers": 4, "head_dim": 20, "hidden_size": 44]
            ),
            ("gemma2", ["sliding_window": 11, "attn_logit_softcapping": 2, "final_logit_softcapping": 3, "hidden_act": "gelu_pytorch_tanh"]),
            ("smollm3", ["num_hidden_layers": 4]),
            ("granite", ["embedding_multiplier": 2, "attention_multiplier": 0.3, "residual_multiplier": 0.5, "logits_scaling": 2]),
            ("phi3", ["partial_rotary_factor": 0.5, "sliding_window": 30]),
            ("olmo2", ["head_dim": 20, "num_attention_heads": 3, "num_key_value_heads": 1]),
            (
                "ministral3",
                [
                    "rope_parameters": [
                        "rope_type": "yarn", "rope_theta": 10000, "factor": 8, "original_max_position_embeddings": 16,
                        "llama_4_scaling_beta": 0.5,
                    ], "sliding_window": nil,
                ]
            ),
            ("mixtral", ["num_local_experts": 5, "num_experts_per_tok": 2, "sliding_window": nil]),
            (
                "qwen3_moe",
                ["num_experts": 9, "num_experts_per_tok": 4, "norm_topk_prob": true, "moe_intermediate_size": 40, "hidden_size": 56]
            ),
            ("gpt_oss", ["num_local_experts": 5, "num_experts_per_tok": 2, "sliding_window": 11, "num_hidden_layers": 3]),
        ] as [(String, JSONObject)])
    func tiny(type: String, changes: JSONObject) throws {
        let model = try TinyModel(TinyModel.config(type, changes))
        for format in KeyValueFormat.allCases {
            try Self.check(model.path, longest: 70, rounds: 3, maximumRows: 7, keyValues: format)
        }
        withExtendedLifetime(model) {}
    }

    @Test("the real base model")
    func base() throws {
        try Self.check(baseModelPath, longest: 24, rounds: 2, maximumRows: 13)
    }

    @Test("only rows that ask get logits, and they are the same ones")
    func logitsRows() throws {
        let model = try TinyModel(TinyModel.config("llama"))
        let decoder = try StepWorkspace(ModelFiles.open(model.path), precision: .fast, pool: WorkerPool(threads: 2))
        let tokens: [Int32] = [3, 1, 4, 1, 5, 9, 2, 6]
        let all = Sequence(tokens).logits(decoder)
        for maximumRows in [3, 512] {
            let decoder = try StepWorkspace(
                ModelFiles.open(model.path), precision: .fast, pool: WorkerPool(threads: 2), maximumRows: maximumRows)
            let cache = decoder.makeCache(blocks: 3)
            let rows = decoder.rows(
                StepBatch(
                    tokens: tokens + tokens + tokens,
                    runs: [
                        .init(tokens: 0..<8, startPosition: 0, blocks: [0], logits: .none),
                        .init(tokens: 8..<16, startPosition: 0, blocks: [1], logits: .last),
                        .init(tokens: 16..<24, startPosition: 0, blocks: [2], logits: .all),
                    ]), cache)
            #expect(rows == [all[7]] + all)
        }
    }

    @Test("a copied block is worth the same")
    func copiedBlock() throws {
        let model = try TinyModel(TinyModel.config("llama"))
        let decoder = try StepWorkspace(ModelFiles.open(model.path), precision: .fast, pool: WorkerPool(threads: 2))
        let tokens: [Int32] = Array(0..<20)
        let whole = Sequence(tokens).logits(decoder)
        let cache = decoder.makeCache(blocks: 4)
        _ = decoder.rows(
            StepBatch(tokens: Array(tokens[..<10]), runs: [.init(tokens: 0..<10, startPosition: 0, blocks: [3])]), cache)
        cache.copyBlock(from: 3, to: 1)
        let rest = decoder.rows(
            StepBatch(
                tokens: Array(tokens[10...]),
                runs: [.init(tokens: 0..<10, startPosition: 10, blocks: [1, 0], logits: .all)]), cache)
        #expect(rest == Array(whole[10...]))
    }
}
