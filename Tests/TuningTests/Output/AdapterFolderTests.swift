import Adapters
import Foundation
import JSON
import Models
import Tensors
import TestSupport
import Testing
import Weights

@testable import Tuning

@Suite struct AdapterFolderTests {
    static let cases: [(base: String, recipe: AdapterRecipe)] = [
        ("llama", AdapterRecipe(family: .lora, rank: 3, alpha: 5, dropout: 0.1)),
        ("gemma3", AdapterRecipe(family: .lora, rank: 4)),
        ("qwen2", AdapterRecipe(family: .rslora, rank: 5, targets: [.query, .up])),
        ("qwen3", AdapterRecipe(family: .dora, rank: 3, targets: [.query, .key, .down])),
        ("llama3", AdapterRecipe(family: .ia3)),
        ("mistral", AdapterRecipe(family: .ia3, targets: Set(Projection.allCases), feedForwardTargets: [.gate, .up, .down])),
        ("qwen2", AdapterRecipe(family: .vera, rank: 6, targets: [.query, .value, .down], seed: 9)),
        ("llama3", AdapterRecipe(rank: 3, targets: [.query, .up], trainedTokens: [40, 5, 17])),
    ]
    /// Which peft does not load.
    static let mixtures: [(base: String, recipe: AdapterRecipe)] = [
        ("llama", AdapterRecipe(family: .mixlora, rank: 3, experts: 4)),
        ("qwen2", AdapterRecipe(family: .mola, rank: 2, experts: 4)),
        ("gemma3", AdapterRecipe(family: .loramoe, rank: 3, targets: [.query, .gate, .down], experts: 3)),
    ]

    @Test("a folder that was written serves with the logits of the adapter in training", arguments: (cases + mixtures).indices)
    func serves(index: Int) throws {
        let (base, recipe) = (Self.cases + Self.mixtures)[index]
        let small = try SmallTask(base, recipe: recipe)
        let task = try small.task()
        try small.run(task)
        let folder = try TemporaryFolder()
        try AdapterFolderWriter(base: BaseWeights(small.files)).write(task, small.record, to: folder.place("tuned"))
        task.adapter.parameters.pointer.update(from: task.result.pointer, count: task.result.count)
        task.adapter.parametersChanged(small.weights, pool: small.pool)

        let store = AdapterStore(
            folder: folder.path, base: small.files.configuration, weights: BaseWeights(small.files), budgetBytes: 1 << 24)
        let delta = try store.acquire("tuned").delta
        var random = SeededFloats(seed: 3, stream: 0)
        let tokens = SmallTask.tokens(19, small.files.configuration.vocabulary, &random)
        let served = try Self.logarithms(small, tokens, delta)
        let trained = try small.logarithms(tokens, task.adapter)
        let plain = try small.logarithms(tokens, nil)
        let configuration = try String(contentsOfFile: folder.place("tuned/adapter_config.json"), encoding: .utf8)
        let key = recipe.family == .vera ? "vera_dropout" : "lora_dropout"
        #expect(recipe.family == .ia3 || configuration.contains("\"\(key)\": \(recipe.dropout)"), "\(configuration)")
        #expect(zip(trained, plain).contains { abs($0.0 - $0.1) > 0.01 }, "the adapter changes the answers")
        for (one, other) in zip(served, trained) { #expect(abs(one - other) < 2e-5, "\(one), in training \(other)") }
    }

    /// Writes the folders for `scripts/parity/tuned.py`, which loads them with peft.
    @Test("folders for peft", .enabled(if: ProcessInfo.processInfo.environment["LMOE_TUNED_FOLDERS"] != nil), arguments: cases.indices)
    func forPEFT(index: Int) throws {
        let place = try #require(ProcessInfo.processInfo.environment["LMOE_TUNED_FOLDERS"])
        let (base, recipe) = Self.cases[index]
        let small = try SmallTask(base, recipe: recipe, heldOut: 0)
        let task = try small.task()
        try small.run(task)
        let folder = "\(place)/\(recipe.family.rawValue)-\(base)"
        try AdapterFolderWriter(replaces: true).write(task, small.record, to: folder)
        var random = SeededFloats(seed: 3, stream: 0)
        let tokens = SmallTask.tokens(19, small.files.configuration.vocabulary, &random)
        let expected: JSONValue = [
            "tokens": .array(tokens.map { .integer(Int64($0)) }),
            "logarithms": .array(try small.logarithms(tokens, task.adapter).map { .number(Double($0)) }),
        ]
        try Data(expected.serializedBytes()).write(to: URL(fileURLWithPath: "\(folder)/expected.json"))
    }

    /// Of the tokens but the first, by the path that serves.
    private static func logarithms(_ small: SmallTask, _ tokens: [Int32], _ delta: AdapterDelta) throws -> [Float] {
        let vocabulary = small.files.configuration.vocabulary
        let workspace = try StepWorkspace(small.weights, pool: small.pool)
        let blocks = (tokens.count + KeyValueCache.blockTokens - 1) / KeyValueCache.blockTokens
        let run = StepBatch.Run(
            tokens: 0..<tokens.count, startPosition: 0, blocks: (0..<Int32(blocks)).map { $0 }, delta: delta, logits: .all)
        let logits = FloatBuffer(count: tokens.count * vocabulary)
        workspace.step(StepBatch(tokens: tokens, runs: [run]), cache: try small.weights.makeCache(blocks: blocks), logits: logits.pointer)
        return tokens.indices.dropFirst().map { place in
            let row = UnsafeBufferPointer(start: logits.pointer + (place - 1) * vocabulary, count: vocabulary).map(Double.init)
            let most = row.max() ?? 0
            return Float(row[Int(tokens[place])] - most - log(row.reduce(0) { $0 + exp($1 - most) }))
        }
    }

    @Test(
        "the configuration has the bytes that peft writes",
        arguments: [
            ("Tests/TuningTests/Fixtures/adapters/qwen3", AdapterRecipe(rank: 3, alpha: 5)),
            ("Tests/TuningTests/Fixtures/adapters/qwen3-dora", AdapterRecipe(family: .dora, rank: 3, alpha: 5, targets: [.query, .key, .down])),
            ("Tests/ConformanceTests/Fixtures/tiny/ia3", AdapterRecipe(family: .ia3)),
            ("Tests/ConformanceTests/Fixtures/tiny/vera", AdapterRecipe(family: .vera, rank: 6, targets: [.query, .value])),
        ])
    func configuration(path: String, recipe: AdapterRecipe) throws {
        let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: "\(GradientFixture.root)/\(path)/adapter_config.json")), as: UTF8.self)
        let base = try JSONValue.parse(text)["base_model_name_or_path"]?.stringValue ?? ""
        let own = JSONValue.object(recipe.configuration(base: base).sortedByKey).serialized(pretty: true)
        #expect(own == text.trimmed)
    }

    @Test("bf16 halves the file, and each weight is rounded to nearest")
    func halves() throws {
        let small = try SmallTask("llama")
        let task = try small.task()
        try small.run(task, to: 3)
        let folder = try TemporaryFolder()
        try AdapterFolderWriter(element: .bf16).write(task, small.record, to: folder.place("half"))
        let file = try SafetensorsFile.open(folder.place("half/adapter_model.safetensors"))
        #expect(file.tensors.count == task.adapter.tensors.count)
        for tensor in task.adapter.tensors {
            let view = try #require(file.tensors[tensor.checkpointName])
            #expect(view.dtype == .bf16 && view.shape == tensor.checkpointShape)
            let values = UnsafeBufferPointer(start: task.result.pointer + tensor.offset, count: tensor.count)
            for (stored, value) in zip(view.floats(), values) { #expect(abs(stored - value) <= abs(value) / 256) }
        }
    }

    @Test("the folder's texts name the base, the data, the settings and the scores")
    func texts() throws {
        let small = try SmallTask("llama", recipe: AdapterRecipe(family: .rslora, rank: 4))
        let task = try small.task()
        var record = small.record
        for event in try small.run(task) { record.history.record(event) }
        record.history.baseLoss = 9.25
        let folder = try TemporaryFolder()
        try AdapterFolderWriter().write(task, record, to: folder.place("tuned/"))
        let card = try folder.text("tuned/README.md")
        for part in ["base_model: \"tiny/llama\"", "rsLoRA, rank 4, alpha 8", "small.jsonl", "2026-11-28", "9.25", "9 of 9, 3 epochs"] {
            #expect(card.contains(part), "\(part)")
        }
        let document = try JSONValue.parse(try folder.text("tuned/tuning.json"))
        #expect(document["settings"]?.objectValue == task.settings.document)
        #expect(document["result"]?["steps"]?.intValue == 9)
        #expect(document["result"]?["held_out_loss"]?.doubleValue == task.bestEvaluation?.loss)
        #expect(document["losses"]?["training"]?.arrayValue?.count == 9)
        #expect(try TuningHistory(task: "small", document["losses"]?.objectValue ?? [:]) == record.history)
    }

    @Test("each stored setting is in the document")
    func settings() throws {
        let mirrored = Mirror(reflecting: try TaskSettings()).children.compactMap(\.label)
        #expect(mirrored.count == 14, "a new setting belongs into TaskSettings.document")
        #expect(Mirror(reflecting: AdapterRecipe()).children.count == AdapterRecipe().document.count)
        #expect(Mirror(reflecting: try DPO()).children.count + 1 == Objective.dpo(try DPO()).document.count)
        #expect(Mirror(reflecting: try CPO()).children.count + 1 == Objective.cpo(try CPO()).document.count)
        #expect(Mirror(reflecting: try KTO()).children.count + 1 == Objective.kto(try KTO()).document.count)
        #expect(Mirror(reflecting: try AdamW()).children.count + 1 == Optimiser.Method.adamW(try AdamW()).document.count)
    }

    @Test("what would not be served is not written: no change, a weight that is not finite or beyond bf16")
    func refused() throws {
        let small = try SmallTask("llama", heldOut: 0)
        let task = try small.task()
        let folder = try TemporaryFolder()
        func code(_ element: AdapterFolderWriter.Element = .f32) -> TuningError.Code? {
            do throws(TuningError) {
                try AdapterFolderWriter(element: element).write(task, small.record, to: folder.place("tuned"))
                return nil
            } catch {
                return error.code
            }
        }
        #expect(code() == .nothingToTrain)
        try small.run(task, to: 1)
        task.adapter.parameters.pointer[7] = .greatestFiniteMagnitude
        #expect(code(.bf16) == .nonFinite)
        task.adapter.parameters.pointer[7] = .nan
        #expect(code() == .nonFinite)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        task.adapter.parameters.pointer[7] = 1
        #expect(code() == nil)
    }

    @Test("a long history keeps its bound, its last step and its mean")
    func history() throws {
        var history = TuningHistory(task: "long")
        let count = 10_000
        for step in 1...count {
            let report = StepReport(
                task: "long", step: step, totalSteps: count, epoch: 0, loss: Double(step), gradientNorm: 1, learningRate: 0, tokens: 1,
                metrics: ObjectiveMetrics())
            history.record(.step(report))
        }
        #expect(history.training.count <= TuningHistory.mostPoints && history.training.count > 1000)
        #expect((history.training.last?.step ?? 0) > count - history.stride)
        #expect(history.training.allSatisfy { $0.loss == Double($0.step) - Double(history.stride - 1) / 2 })
        #expect(try TuningHistory(task: "long", history.document) == history)
    }

    /// By hand: `mount -t tmpfs -o size=64k tmpfs PLACE`, and `LMOE_TEST_SMALL_DISK=PLACE`.
    @Test("a full disk is an error, and nothing is left of the new folder", .enabled(if: ProcessInfo.processInfo.environment["LMOE_TEST_SMALL_DISK"] != nil))
    func fullDisk() throws {
        let place = try #require(ProcessInfo.processInfo.environment["LMOE_TEST_SMALL_DISK"])
        let small = try SmallTask("llama", recipe: .init(rank: 64))
        let task = try small.task()
        let error = #expect(throws: TuningError.self) { try AdapterFolderWriter().write(task, small.record, to: "\(place)/tuned") }
        #expect(error?.code == .io)
        #expect(try FileManager.default.contentsOfDirectory(atPath: place).isEmpty)
    }
}
