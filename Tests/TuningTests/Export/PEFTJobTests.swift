import Foundation
import JSON
import TestSupport
import Testing

@testable import Tuning

/// Tasks as folders that PEFT and TRL run. `train.py` itself was tried with them; see docs/tuning.md.
@Suite struct PEFTJobTests {
    private static let prompt: [Int32] = [11, 12, 13]

    private static func sequence(_ answer: [Int32], marks: [Bool]? = nil) -> TrainingSequence {
        TrainingSequence(
            tokens: prompt + answer, isTarget: prompt.map { _ in false } + (marks ?? answer.map { _ in true }))
    }

    private func job(
        _ examples: [TrainingExample], heldOut: [TrainingExample] = [], _ change: (inout TaskSettings) throws -> Void = { _ in }
    ) throws -> PEFTJob {
        var settings = try TaskSettings()
        try change(&settings)
        let encoder = try SmallBase.encoder("smollm", template: "chatml", end: "<|im_end|>") { _ in }
        func set(_ examples: [TrainingExample]) -> ExampleSet {
            var set = ExampleSet()
            (set.examples, set.lines) = (examples, examples.indices.map { 10 + $0 })
            return set
        }
        let report = DataReport(files: [], training: .init(), heldOut: .init(), sample: [])
        return try PEFTJob(
            "sums", base: .init(BaseIdentity(name: "small", identity: "1"), path: "/models/small.gguf", vocabulary: 300), settings: settings,
            data: PreparedData(training: set(examples), heldOut: set(heldOut), report: report), description: "Adds.",
            requests: ["one and one?"], start: nil, tokenizer: encoder.tokenizer)
    }

    private func written(_ job: PEFTJob) throws -> (files: [String], read: (String) throws -> [JSONValue]) {
        let folder = try TemporaryFolder()
        try job.write(to: folder.place("job"))
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.place("job")).sorted()
        var documents: [String: [JSONValue]] = [:]
        for file in files where file.hasSuffix(".jsonl") {
            documents[file] = try String(contentsOfFile: folder.place("job/\(file)"), encoding: .utf8).split(separator: "\n").map { line in
                try JSONValue.parse(Array(line.utf8))
            }
        }
        documents["job.json"] = [try JSONValue.parse(Array(Data(contentsOf: URL(fileURLWithPath: folder.place("job/job.json")))))]
        return (files, { try #require(documents[$0]) })
    }

    private func integers(_ value: JSONValue?) -> [Int] { value?.arrayValue?.compactMap(\.intValue) ?? [] }

    @Test("rows of answers are tokens with labels")
    func answers() throws {
        let example = TrainingExample.supervised(Self.sequence([21, 22]))
        let (files, read) = try written(try job([example, example], heldOut: [example]))
        #expect(files == ["README.md", "held_out.jsonl", "job.json", "requirements.txt", "route.yaml", "train.jsonl", "train.py"])
        let row = try #require(try read("train.jsonl").first)
        #expect(row["line"]?.intValue == 10)
        #expect(integers(row["input_ids"]) == [11, 12, 13, 21, 22])
        #expect(integers(row["labels"]) == [-100, -100, -100, 21, 22])
        #expect(try read("train.jsonl").count == 2 && read("held_out.jsonl").count == 1)
    }

    @Test("rows of pairs and of labelled answers are prompts and answers")
    func preferences() throws {
        let pair = TrainingExample.preference(chosen: Self.sequence([21, 22]), rejected: Self.sequence([31]))
        let dpo = try job([pair]) { $0 = try TaskSettings(objective: .dpo(DPO())) }
        let (files, read) = try written(dpo)
        #expect(!files.contains("held_out.jsonl"))
        let row = try #require(try read("train.jsonl").first)
        #expect(integers(row["prompt_ids"]) == [11, 12, 13] && integers(row["chosen_ids"]) == [21, 22] && integers(row["rejected_ids"]) == [31])
        let kto = try job([.labelled(Self.sequence([21]), isDesirable: false)]) { $0 = try TaskSettings(objective: .kto(KTO())) }
        let labelled = try #require(try written(kto).read("train.jsonl").first)
        #expect(integers(labelled["completion_ids"]) == [21] && labelled["label"] == .bool(false))
    }

    @Test("settings have the names and values of PEFT, transformers and TRL")
    func settings() throws {
        let pair = TrainingExample.preference(chosen: Self.sequence([21]), rejected: Self.sequence([31]))
        let job = try job([pair]) {
            $0 = try TaskSettings(
                recipe: AdapterRecipe(family: .dora, rank: 4, targets: [.query]),
                objective: .dpo(DPO(loss: .robust, beta: 0.2, labelSmoothing: 0.1, supervisedWeight: 0.5)))
            $0.schedule = .constant
            $0.maximumNorm = nil
            $0.mostSteps = 7
            $0.epochs = 20
        }
        let document = try #require(try written(job).read("job.json").first)
        let arguments = document["arguments"]
        #expect(document["trainer"] == "dpo" && arguments?["loss_type"] == ["robust", "sft"])
        #expect(arguments?["loss_weights"]?.arrayValue?.compactMap(\.doubleValue) == [1, 0.5])
        #expect(arguments?["beta"]?.doubleValue == 0.2 && arguments?["label_smoothing"]?.doubleValue == 0.1)
        #expect(arguments?["lr_scheduler_type"] == "constant_with_warmup" && arguments?["max_grad_norm"]?.doubleValue == 0)
        #expect(arguments?["max_steps"]?.intValue == 7)
        let adapter = document["adapter"]
        #expect(adapter?["peft_type"] == "LORA" && adapter?["use_dora"] == .bool(true) && adapter?["r"]?.intValue == 4)
        #expect(adapter?["inference_mode"] == nil, "it is trained")
        #expect(adapter?["target_modules"] == ["q_proj"])
    }

    @Test("a mixture is a job for MoE-PEFT", arguments: [AdapterRecipe.Family.mixlora, .mola, .loramoe])
    func mixtures(family: AdapterRecipe.Family) throws {
        let job = try job([.supervised(Self.sequence([21]))]) {
            $0.recipe = AdapterRecipe(family: family, rank: 4, experts: 3, balanceCoefficient: family == .loramoe ? 0 : 0.01, dropout: 0.1)
        }
        let (files, read) = try written(job)
        #expect(files == ["README.md", "job.json", "requirements.txt", "route.yaml", "train.jsonl", "train.py"])
        let document = try #require(try read("job.json").first)
        let adapter = document["adapter"]
        #expect(document["trainer"] == "moe_peft" && adapter?["routing_strategy"]?.stringValue == family.rawValue)
        #expect(adapter?["num_experts"]?.intValue == 3 && adapter?["lora_dropout"]?.doubleValue == 0.1)
        let folder = try TemporaryFolder()
        try job.write(to: folder.place("job"))
        for file in ["train.py", "requirements.txt", "README.md"] {
            #expect(try String(contentsOfFile: folder.place("job/\(file)"), encoding: .utf8).contains("moe_peft"), "\(file)")
        }
    }

    @Test("what TRL or MoE-PEFT would train otherwise is refused, with the row or the setting")
    func refusals() throws {
        let pair = TrainingExample.preference(chosen: Self.sequence([21]), rejected: Self.sequence([31]))
        let preferred = #expect(throws: TuningError.self) {
            try job([pair]) {
                $0 = try TaskSettings(objective: .dpo(DPO()))
                $0.recipe = AdapterRecipe(family: .mixlora)
            }
        }
        #expect(preferred?.code == .unsupported && preferred?.field == "objective")
        let balanced = #expect(throws: TuningError.self) {
            try job([.supervised(Self.sequence([21]))]) { $0.recipe = AdapterRecipe(family: .loramoe, balanceCoefficient: 0.1) }
        }
        #expect(balanced?.field == "balance")
        let smoothed = #expect(throws: TuningError.self) {
            try job([pair]) { $0 = try TaskSettings(objective: .dpo(DPO(loss: .conservative, labelSmoothing: 0.1))) }
        }
        #expect(smoothed?.field == "loss")
        let turns = TrainingExample.preference(
            chosen: Self.sequence([21, 22, 23], marks: [true, false, true]), rejected: Self.sequence([31]))
        let folder = try TemporaryFolder()
        let error = #expect(throws: TuningError.self) {
            try job([pair, turns]) { $0 = try TaskSettings(objective: .dpo(DPO())) }.write(to: folder.place("job"))
        }
        #expect(error?.line == 11)
        #expect(!FileManager.default.fileExists(atPath: folder.place("job")), "nothing is left")
    }

    @Test("a folder that is there is not written over")
    func existing() throws {
        let folder = try TemporaryFolder()
        let job = try job([.supervised(Self.sequence([21]))])
        let error = #expect(throws: TuningError.self) { try job.write(to: folder.path) }
        #expect(error?.code == .exists)
    }
}
