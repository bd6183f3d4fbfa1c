import Models
import Testing

@testable import Tuning

@Suite struct TaskPlanTests {
    private func texts(_ values: [TaskSetting: String]) -> SettingTexts {
        var texts = SettingTexts()
        for (setting, text) in values { texts.entries[setting] = .init(text, place: "--\(setting.rawValue)") }
        return texts
    }

    private func plan(_ values: [TaskSetting: String]) throws(TuningError) -> TaskPlan {
        try TaskPlan("name", texts(values.merging([.data: "rows.jsonl"]) { own, _ in own }))
    }

    /// The error's place and message.
    private func refusal(_ values: [TaskSetting: String]) -> TuningError? {
        do throws(TuningError) {
            _ = try plan(values)
            return nil
        } catch {
            return error
        }
    }

    @Test func namesOfOtherToolsAreKnown() {
        #expect(TaskSetting(named: "max_steps") == .maxSteps)
        #expect(TaskSetting(named: "Max-Steps") == .maxSteps)
        for (name, setting) in [
            ("adapter", TaskSetting.family), ("lora_r", .rank), ("lora_alpha", .alpha), ("lora_target_modules", .targets),
            ("sequence_len", .maxTokens), ("val_set_size", .heldOutShare), ("micro_batch_size", .batch), ("num_epochs", .epochs),
            ("learning_rate", .rate), ("lr_scheduler", .schedule), ("warmup_ratio", .warmup),
        ] {
            #expect(TaskSetting(named: name) == setting, "\(name)")
        }
        #expect(TaskSetting(named: "flavour") == nil)
    }

    @Test func withoutSettingsAPlanHasTheDefaults() throws {
        let plan = try plan([:])
        #expect(plan.heldOutSize == .fraction(0.05) && plan.encoding == EncodingOptions() && plan.out == nil)
        #expect(try plan.settings(for: .supervised) == TaskSettings())
    }

    @Test func settingsReachTheTask() throws {
        let plan = try plan([
            .family: "DoRA", .rank: "4", .alpha: "6", .targets: "q_proj, down_proj", .rate: "1e-3", .schedule: "linear", .warmup: "10",
            .batch: "2", .accumulation: "3", .clip: "0", .epochs: "1.5", .maxSteps: "40", .patience: "2", .evalSteps: "5", .seed: "7",
            .trainOn: "all", .maxTokens: "128", .microBatchTokens: "512", .loraPlusRatio: "8", .fields: "prompt=question,completion=answer",
        ])
        #expect(plan.encoding.targets == .all && plan.encoding.maximumTokens == 128)
        #expect(plan.fieldNames == ["prompt": "question", "completion": "answer"])
        let settings = try plan.settings(for: .supervised)
        #expect(settings.recipe == AdapterRecipe(family: .dora, rank: 4, alpha: 6, targets: [.query, .down], seed: 7))
        #expect(settings.examples == 6 && settings.maximumNorm == nil && settings.schedule == .linear && settings.warmup == 10)
        #expect(settings.epochs == 1.5 && settings.mostSteps == 40 && settings.patience == 2 && settings.evaluationInterval == 5)
        #expect(settings.rates.rate == 1e-3 && settings.rates.loraPlusRatio == 8 && settings.seed == 7)
        #expect(settings.microBatchTokens == 512)
    }

    @Test func tokensAreTrainedByTheirNumbers() throws {
        let plan = try plan([.trainedTokens: "17, 5,17", .family: "dora"])
        #expect(try plan.settings(for: .supervised).recipe == AdapterRecipe(family: .dora, trainedTokens: [5, 17]))
        for (values, place) in [
            ([TaskSetting.trainedTokens: "five"], "--trained-tokens"), ([.trainedTokens: "5", .family: "vera"], "--trained-tokens"),
            ([.trainedTokens: "5", .start: "old"], "--trained-tokens"),
        ] { #expect(refusal(values)?.description.hasPrefix("\(place): ") == true, "\(values)") }
    }

    @Test func aMixtureHasExperts() throws {
        let plan = try plan([.family: "mixlora", .rank: "4", .experts: "6", .chosenExperts: "3", .balance: "0.01"])
        let recipe = AdapterRecipe(family: .mixlora, rank: 4, experts: 6, chosenExperts: 3, balanceCoefficient: 0.01)
        #expect(try plan.settings(for: .supervised).recipe == recipe)
    }

    @Test func anAdapterThatIsTunedFurtherKeepsItsRecipe() throws {
        let recipe = AdapterRecipe(family: .dora, rank: 3, alpha: 5, targets: [.value], seed: 9)
        let plan = try plan([.start: "adapters/old", .epochs: "2", .seed: "4"])
        let settings = try plan.settings(for: .supervised, continuing: recipe)
        #expect(plan.start == "adapters/old" && settings.recipe == recipe && settings.epochs == 2 && settings.seed == 4)
    }

    @Test func whatIsDroppedIsTheSettingOrThatOfTheAdapterThatIsTunedFurther() throws {
        #expect(try plan([.dropout: "0.1"]).settings(for: .supervised).recipe == AdapterRecipe(dropout: 0.1))
        let recipe = AdapterRecipe(rank: 3, dropout: 0.05)
        #expect(try plan([.start: "old"]).settings(for: .supervised, continuing: recipe).recipe.dropout == 0.05)
        #expect(try plan([.start: "old", .dropout: "0"]).settings(for: .supervised, continuing: recipe).recipe.dropout == 0)
        // TRL turns dropout off for preferences.
        #expect(throws: TuningError.self) { try plan([.dropout: "0.1"]).settings(for: .preference) }
    }

    /// Sequences of a pair go through the model together.
    @Test func longExamplesRaiseTheTokensOfAMicroBatch() throws {
        #expect(try plan([.maxTokens: "4096"]).settings(for: .preference).microBatchTokens == 8192)
    }

    @Test func theObjectiveFollowsFromTheData() throws {
        let plan = try plan([:])
        #expect(try plan.settings(for: .supervised).objective == .supervised)
        #expect(try plan.settings(for: .preference).objective == .dpo(DPO()))
        #expect(try plan.settings(for: .preference).epochs == 1)
        #expect(try plan.settings(for: .labelled).objective == .kto(KTO()))
    }

    @Test func everyObjectiveIsMadeByItsName() throws {
        func objective(_ values: [TaskSetting: String]) throws -> Objective { try plan(values).settings(for: .preference).objective }
        #expect(
            try objective([.objective: "dpo", .loss: "robust", .labelSmoothing: "0.1", .beta: "0.2", .supervisedWeight: "1"])
                == .dpo(DPO(loss: .robust, beta: 0.2, labelSmoothing: 0.1, supervisedWeight: 1)))
        #expect(
            try objective([.objective: "cpo", .loss: "simpo", .gamma: "1", .supervisedWeight: "0.5"])
                == .cpo(CPO(loss: .simpo, likelihoodWeight: 0.5, simpoGamma: 1)))
        #expect(try objective([.objective: "simpo", .beta: "2.5"]) == .cpo(.simpo(beta: 2.5)))
        #expect(try objective([.objective: "orpo"]) == .orpo(ORPO()))
    }

    @Test func anObjectiveIsRefusedForOtherData() throws {
        let plan = try plan([.objective: "dpo"])
        #expect(throws: TuningError.self) { try plan.settings(for: .supervised) }
        do throws(TuningError) {
            _ = try plan.settings(for: .labelled)
        } catch {
            #expect(error.description == "--objective: dpo learns from chosen and rejected answers; the data hold answers with a label")
        }
    }

    @Test(arguments: [
        ([TaskSetting.rank: "0"], "--rank"), ([.rank: "four"], "--rank"), ([.alpha: "-1"], "--alpha"),
        ([.targets: "q_proj,lm_head"], "--targets"),
        ([.family: "adalora"], "--family"), ([.rate: "2"], "--rate"), ([.warmup: "-1"], "--warmup"), ([.epochs: "0"], "--epochs"),
        ([.beta: "1000", .objective: "dpo"], "--beta"), ([.labelSmoothing: "0.1", .objective: "dpo"], "--label-smoothing"),
        ([.beta: "0.1", .objective: "sft"], "--beta"), ([.gamma: "1", .objective: "cpo"], "--gamma"),
        ([.rank: "4", .family: "ia3"], "--rank"),
        ([.experts: "4", .family: "dora"], "--experts"), ([.balance: "11", .family: "loramoe"], "--balance"),
        ([.chosenExperts: "9", .family: "mola"], "--chosen-experts"), ([.dropout: "0.95"], "--dropout"),
        ([.dropout: "0.1", .family: "ia3"], "--dropout"), ([.dropout: "0.1", .objective: "orpo"], "--dropout"), ([.rank: "4", .start: "adapters/sql"], "--rank"),
        ([.alpha: "4", .family: "vera"], "--alpha"), ([.heldOutShare: "0.7"], "--held-out-share"),
        ([.heldOutShare: "0.1", .heldOut: "other.jsonl"], "--held-out-share"), ([.fields: "prompt"], "--fields"),
        ([.microBatchTokens: "8"], "--micro-batch-tokens"), ([.trainOn: "prompts"], "--train-on"),
        ([.skipBroken: "maybe"], "--skip-broken"),
        ([.seed: "-1"], "--seed"), ([.patience: "0"], "--patience"), ([.clip: "nan"], "--clip"), ([.clip: "2e6"], "--clip"), ([.maxTokens: "524289"], "--max-tokens"), ([.weightDecay: "2"], "--weight-decay"),
        ([.loraPlusRatio: "0.5"], "--lora-plus-ratio"), ([.optimiser: "sgd"], "--optimiser"), ([.element: "f16"], "--element"),
    ] as [([TaskSetting: String], String)])
    func aWrongSettingIsNamedByItsPlace(values: [TaskSetting: String], place: String) throws {
        let error = try #require(refusal(values))
        #expect(error.code == .invalidSetting)
        #expect(error.description.hasPrefix("\(place): "), "\(error)")
    }

    @Test func aTaskWithoutDataIsRefused() {
        #expect(throws: TuningError.self) { try TaskPlan("name", SettingTexts()) }
    }

    @Test func aNumberOfHeldOutRowsCanBeGiven() throws {
        #expect(try plan([.heldOutShare: "20"]).heldOutSize == .count(20))
        #expect(try plan([.heldOutShare: "0"]).heldOutSize == .fraction(0))
        #expect(try plan([.heldOut: "other.jsonl"]).heldOutSize == .fraction(0))
    }
}
