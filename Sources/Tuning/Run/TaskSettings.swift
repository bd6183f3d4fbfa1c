/// How one adapter is tuned.
public struct TaskSettings: Sendable, Equatable {
    public var recipe: AdapterRecipe
    public var objective: Objective
    public var method: Optimiser.Method
    public var rates: LearningRates
    public var schedule: LearningRateSchedule.Shape
    /// 1 and more: steps; less: a share of all steps.
    public var warmup: Double
    public var epochs: Double
    /// Ends the run early; nil: after the epochs.
    public var mostSteps: Int?
    /// Examples of an optimiser step.
    public var examples: Int
    /// Tokens that go through the model at once; a step of more is cut into micro-batches.
    public var microBatchTokens: Int
    /// The greatest norm of a step's gradients; nil does not clip.
    public var maximumNorm: Double?
    /// Optimiser steps between measurements of the held-out loss; nil: once an epoch.
    public var evaluationInterval: Int?
    /// Measurements without improvement that end the run; nil: none does.
    public var patience: Int?
    /// Of the data's order.
    public var seed: UInt64

    /// The largest `microBatchTokens`.
    public static let mostMicroBatchTokens = 1 << 20

    /// Errors: `invalidSetting`.
    public init(recipe: AdapterRecipe = AdapterRecipe(), objective: Objective = .supervised) throws(TuningError) {
        self.recipe = recipe
        self.objective = objective
        method = .adamW(try AdamW())
        // Preferences move a model that already answers: small steps, once through the data.
        let isSupervised = objective == .supervised
        rates = try LearningRates(rate: isSupervised ? 5e-4 : 5e-5)
        schedule = .cosine
        warmup = 0.05
        epochs = isSupervised ? 3 : 1
        mostSteps = nil
        examples = 8
        microBatchTokens = 2048
        maximumNorm = 1
        evaluationInterval = nil
        patience = nil
        seed = 0
    }

    /// Throws `invalidSetting`, which names the setting.
    public func validate() throws(TuningError) {
        try recipe.validate()
        try NumberRange(.excluded(0), .included(10_000)).check(epochs, "epochs")
        try NumberRange(.included(1), .included(65_536)).check(Double(examples), "examples")
        try NumberRange(.included(16), .included(Double(Self.mostMicroBatchTokens))).check(Double(microBatchTokens), "micro_batch_tokens")
        _ = try GradientGuard(maximumNorm: maximumNorm)
        try NumberRange(.included(0), .included(1e9)).check(warmup, "warmup_steps")
        if let mostSteps { try NumberRange(.included(1), .included(1e9)).check(Double(mostSteps), "max_steps") }
        if let evaluationInterval { try NumberRange(.included(1), .included(1e9)).check(Double(evaluationInterval), "eval_steps") }
    }

    /// Optimiser steps of the whole run over so many examples. Each epoch's last step may have fewer examples.
    public func totalSteps(exampleCount: Int) -> Int {
        let perEpoch = (exampleCount + examples - 1) / examples
        let all = Int((epochs * Double(perEpoch)).rounded(.up))
        return max(1, min(all, mostSteps ?? all))
    }
}
