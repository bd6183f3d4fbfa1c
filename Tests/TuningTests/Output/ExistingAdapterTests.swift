import Foundation
import Models
import TestSupport
import Testing

@testable import Tuning

@Suite struct ExistingAdapterTests {
    private static let tiny = "\(GradientFixture.root)/Tests/ConformanceTests/Fixtures/tiny"

    private func error(_ body: () throws -> Void) throws -> TuningError {
        do {
            try body()
        } catch let error as TuningError {
            return error
        }
        Issue.record("no error")
        return TuningError(.io, "none")
    }

    private func begun(_ small: SmallTask, _ existing: ExistingAdapter) throws -> TuningTask {
        var settings = small.settings
        settings.recipe = existing.recipe
        return try TuningTask(
            "small", settings: settings, training: small.training, heldOut: small.heldOut, weights: small.weights, pool: small.pool,
            continuing: existing)
    }

    @Test("what was written is read back bit for bit, and written again the same", arguments: (AdapterFolderTests.cases + AdapterFolderTests.mixtures).indices)
    func roundTrip(index: Int) throws {
        let (base, recipe) = (AdapterFolderTests.cases + AdapterFolderTests.mixtures)[index]
        let small = try SmallTask(base, recipe: recipe, heldOut: 0)
        let task = try small.task()
        try small.run(task, to: 3)
        let folder = try TemporaryFolder()
        try AdapterFolderWriter().write(task, small.record, to: folder.place("first"))
        let existing = try ExistingAdapter(folder: folder.place("first"))
        #expect(existing.recipe.family == recipe.family && existing.recipe.targets == recipe.targets && existing.recipe.scale == recipe.scale)
        #expect(existing.baseName == "tiny/\(base)")
        let again = try begun(small, existing)
        #expect(again.adapter.tensors == task.adapter.tensors)
        #expect(again.adapter.parameters.hasBits(of: task.adapter.parameters))
        try AdapterFolderWriter().write(again, small.record, to: folder.place("second"))
        for file in ["adapter_config.json", "adapter_model.safetensors"] {
            #expect(try folder.read("first/\(file)") == folder.read("second/\(file)"), "\(file)")
        }
    }

    @Test("an adapter that was tuned on another base is refused, one of peft is not asked")
    func otherBase() throws {
        let small = try SmallTask("llama", recipe: AdapterRecipe(rank: 2), heldOut: 0)
        let task = try small.task()
        try small.run(task, to: 2)
        let folder = try TemporaryFolder()
        try AdapterFolderWriter().write(task, small.record, to: folder.place("first"))
        let existing = try ExistingAdapter(folder: folder.place("first"))
        try existing.checkBase(small.record.base)
        let other = BaseIdentity(name: "other", identity: "0123")
        let refusal = try error { try existing.checkBase(other) }
        #expect(refusal.code == .otherBase && refusal.message.contains("tiny/llama") && refusal.message.contains("0123"))
        try ExistingAdapter(folder: "\(Self.tiny)/dora").checkBase(other)
    }

    @Test(
        "a task that continues a folder of peft has its weights",
        arguments: ["dora", "tokens", "ia3", "ia3-all", "vera", "vera-all", "ia3-gemma"])
    func fixtures(name: String) throws {
        let existing = try ExistingAdapter(folder: "\(Self.tiny)/\(name)")
        let small = try SmallTask(existing.baseName?.split(separator: "/").last.map(String.init) ?? "", heldOut: 0)
        let task = try begun(small, existing)
        for tensor in task.adapter.tensors {
            #expect(Array(task.adapter.values(tensor)) == existing.tensors[tensor.checkpointName]?.floats(), "\(tensor.checkpointName)")
        }
    }

    @Test(
        "what cannot be tuned further is refused by the key that says it",
        arguments: [
            ("lora-exclude", "exclude_modules"), ("dora-patterns", "pattern"), ("bias-all", "bias"), ("embedding", "target_modules"),
            ("tokens-both", "trainable_token_indices"), ("ia3-regex", "target_modules"),
            ("vera-layers", "layers_to_transform"), ("saved-head", "modules_to_save"), ("tokens-alone", "peft_type"), ("dora-biases", "use_rslora"),
        ])
    func refused(name: String, key: String) throws {
        let refusal = try error { _ = try AdapterRecipe(folder: "\(Self.tiny)/\(name)") }
        #expect(refusal.code == .unsupported && refusal.field?.contains(key) == true, "\(refusal)")
        #expect(refusal.file?.hasSuffix("adapter_config.json") == true)
    }

    @Test("a tensor that is missing, or that has no place, is named")
    func tensors() throws {
        let folder = try TemporaryFolder()
        let small = try SmallTask("llama", recipe: .init(rank: 2, targets: [.query, .value]), heldOut: 0)
        let task = try small.task()
        try small.run(task, to: 2)
        try AdapterFolderWriter().write(task, small.record, to: folder.place("both"))
        let text = try folder.text("both/adapter_config.json")
        try folder.write(text.replacing("\"v_proj\"", with: "\"k_proj\""), to: "both/adapter_config.json")
        let missing = try error { _ = try begun(small, ExistingAdapter(folder: folder.place("both"))) }
        #expect(missing.code == .malformed && missing.field?.contains("k_proj") == true)
        try folder.write(text.replacing(",\n    \"v_proj\"", with: ""), to: "both/adapter_config.json")
        let extra = try error { _ = try begun(small, ExistingAdapter(folder: folder.place("both"))) }
        #expect(extra.code == .unsupported && extra.field?.contains("v_proj") == true)
        try folder.write(text.replacing("\"r\": 2", with: "\"r\": 3"), to: "both/adapter_config.json")
        let shape = try error { _ = try begun(small, ExistingAdapter(folder: folder.place("both"))) }
        #expect(shape.code == .malformed && shape.message.contains("[3, ") && shape.message.contains("[2, "))
        try folder.write("[]", to: "both/adapter_config.json")
        #expect(try error { _ = try ExistingAdapter(folder: folder.place("both")) }.code == .malformed)
        #expect(try error { _ = try ExistingAdapter(folder: folder.place("none")) }.code == .notFound)
    }

    @Test("preferences of a continued adapter are compared with the adapter as it was", arguments: [0, 1])
    func reference(index: Int) throws {
        let folder = try TemporaryFolder()
        let first = try SmallTask("llama", recipe: .init(rank: 4), heldOut: 0)
        let task = try first.task()
        try first.run(task)
        try AdapterFolderWriter().write(task, first.record, to: folder.place("first"))
        let objective = index == 0 ? Objective.dpo(try DPO()) : .kto(try KTO())
        let small = try SmallTask("llama", objective: objective)
        let continued = try begun(small, try ExistingAdapter(folder: folder.place("first")))
        let start = try #require(continued.reference)
        var losses: [Double] = []
        for event in try small.run(continued) { if case .step(let report) = event { losses.append(report.loss) } }
        // No answer is more or less likely than under the reference: log 2, and half.
        #expect(abs(losses[0] - (index == 0 ? 0.693_147 : 0.5)) < 1e-4, "\(losses[0])")
        #expect(losses.dropFirst().contains { abs($0 - losses[0]) > 1e-3 })
        #expect(start.parameters.hasBits(of: task.adapter.parameters), "the reference stays")
        #expect(!continued.adapter.parameters.hasBits(of: start.parameters))
    }

    @Test("a continued run resumes with the same bits, and only from the same adapter")
    func resumed() throws {
        let folder = try TemporaryFolder()
        let first = try SmallTask("llama", recipe: .init(rank: 4), heldOut: 0)
        let task = try first.task()
        try first.run(task, to: 2)
        try AdapterFolderWriter().write(task, first.record, to: folder.place("two"))
        try first.run(task, to: 3)
        try AdapterFolderWriter().write(task, first.record, to: folder.place("three"))
        let small = try SmallTask("llama", objective: .dpo(try DPO()))
        let base = BaseIdentity(small.files)
        let (two, three) = (try ExistingAdapter(folder: folder.place("two")), try ExistingAdapter(folder: folder.place("three")))
        let whole = try begun(small, two)
        try small.run(whole)
        let half = try begun(small, two)
        try small.run(half, to: 1)
        try Checkpoint.write(half, base: base, to: folder.place("half.safetensors"))
        let checkpoint = try Checkpoint(folder.place("half.safetensors"))
        let resumed = try begun(small, two)
        try resumed.resume(from: checkpoint, base: base, weights: small.weights, pool: small.pool)
        try small.run(resumed)
        #expect(resumed.adapter.parameters.hasBits(of: whole.adapter.parameters))
        let other = try error {
            try begun(small, three).resume(from: checkpoint, base: base, weights: small.weights, pool: small.pool)
        }
        #expect(other.code == .changed && other.message.contains("began"))
    }

    @Test("settings of another recipe do not continue an adapter")
    func otherRecipe() throws {
        let folder = try TemporaryFolder()
        let small = try SmallTask("llama", recipe: .init(rank: 4), heldOut: 0)
        let task = try small.task()
        try small.run(task, to: 2)
        try AdapterFolderWriter().write(task, small.record, to: folder.place("four"))
        let existing = try ExistingAdapter(folder: folder.place("four"))
        var settings = small.settings
        settings.recipe.rank = 8
        let refusal = try error {
            _ = try TuningTask(
                "small", settings: settings, training: small.training, heldOut: small.heldOut, weights: small.weights, pool: small.pool,
                continuing: existing)
        }
        #expect(refusal.code == .invalidSetting && refusal.field == "recipe")
    }

    @Test("a task that scales outputs may join tasks that do not")
    func joins() throws {
        let plain = try SmallTask("llama", recipe: .init(rank: 4), precision: .fast)
        let scaled = try SmallTask("llama", recipe: .init(family: .dora, rank: 4), precision: .fast)
        let alone = try scaled.task("dora")
        try scaled.run(alone)
        let (first, second) = (try plain.task("plain"), try scaled.task("dora"))
        let session = TuningSession(plain.weights, pool: plain.pool)
        try session.add(first)
        try session.advance { _ in }
        try session.add(second)
        while !session.running.isEmpty { try session.advance { _ in } }
        #expect(second.adapter.parameters.hasBits(of: alone.adapter.parameters))
    }
}
