public import Models
public import Tensors

/// One adapter that is tuned: its parameters, the state of its optimiser, its data and its place in them.
///
/// Isolation: a `TuningSession` owns it; one thread uses it at a time.
public final class TuningTask {
    public let name: String
    public let settings: TaskSettings
    public let training: ExampleSet
    public let heldOut: ExampleSet
    public let adapter: TrainableAdapter
    public let optimiser: Optimiser
    public let totalSteps: Int
    /// Optimiser steps so far, those that were left out included.
    public internal(set) var step = 0
    /// Tokens that went through the model so far.
    public internal(set) var trainedTokens = 0
    /// The parameters at the lowest held-out loss; nil without a measurement.
    public internal(set) var best: FloatBuffer?
    /// A measurement of the held-out loss is due after the last step, and was interrupted.
    var owesEvaluation = false
    /// Why it is done; nil: it goes on.
    public internal(set) var finished: FinishReason?
    /// Of the base's path that computes: `fast`, `reference`.
    let precision: String
    /// With which objectives compare: the adapter that was continued, as it was; nil: the base.
    let reference: TrainableAdapter?
    /// Of the parameters with which a continued adapter began; nil for a new one.
    let startDigest: ContentDigest?
    /// VeRA's frozen matrices, which its folder holds, too.
    let shared: SharedMatrices?
    let schedule: LearningRateSchedule
    /// Nil: nothing is dropped.
    let dropout: Dropout?
    var reader: ExampleReader
    var clipping: GradientGuard
    var stopping: EarlyStopping
    var watch: LossWatch

    /// A task at its start: parameters are drawn from the recipe's seed, or they are those of an adapter that is continued, whose recipe the
    /// settings then have. Errors: `invalidSetting`, `nothingToTrain`, `noMemory`; what is wrong with the adapter.
    public init(
        _ name: String, settings: TaskSettings, training: ExampleSet, heldOut: ExampleSet, weights: DecoderWeights, pool: WorkerPool,
        continuing start: ExistingAdapter? = nil
    ) throws(TuningError) {
        try settings.validate()
        try start?.checkRecipe(settings.recipe)
        guard !training.examples.isEmpty else { throw TuningError(.nothingToTrain, "\(name) has no examples") }
        for example in training.examples + heldOut.examples { try settings.objective.check(example) }
        self.name = name
        self.settings = settings
        self.training = training
        self.heldOut = heldOut
        precision = weights.precision.rawValue
        if let start {
            shared = try start.shared(weights.configuration)
        } else {
            shared = settings.recipe.family == .vera ? SharedMatrices(settings.recipe, weights.configuration) : nil
        }
        let forms = settings.recipe.forms(weights.configuration, shared)
        do throws(ModelError) {
            adapter = try TrainableAdapter(weights.configuration, forms)
            let isCompared = start != nil && settings.objective.needsReference
            reference = isCompared ? try TrainableAdapter(weights.configuration, forms) : nil
        } catch {
            throw TuningError(error.code == .noMemory ? .noMemory : .invalidSetting, error.message)
        }
        totalSteps = settings.totalSteps(exampleCount: training.examples.count)
        // The first step of a warm-up has the rate 0: a run of one step has none.
        schedule = try LearningRateSchedule(settings.schedule, warmup: totalSteps == 1 ? 0 : settings.warmup, totalSteps: totalSteps)
        dropout = !settings.objective.usesDropout ? nil : Dropout(probability: settings.recipe.dropout, seed: settings.seed)
        optimiser = try Optimiser(settings.method, tensors: adapter.tensors.map { $0.trained(settings.rates) })
        reader = try ExampleReader(ExampleOrder(count: training.examples.count, seed: settings.seed))
        clipping = try GradientGuard(maximumNorm: settings.maximumNorm)
        stopping = try EarlyStopping(patience: settings.patience)
        watch = try LossWatch()
        if let start { try start.fill(adapter) } else { settings.recipe.initialise(adapter, weights) }
        let bytes = UnsafeRawBufferPointer(start: adapter.parameters.pointer, count: 4 * adapter.parameters.count)
        startDigest = start == nil ? nil : ContentDigest(of: bytes)
        adapter.parametersChanged(weights, pool: pool)
        if let reference {
            reference.parameters.pointer.update(from: adapter.parameters.pointer, count: adapter.parameters.count)
            reference.parametersChanged(weights, pool: pool)
        }
    }

    /// The lowest held-out loss so far, and after which step.
    public var bestEvaluation: (loss: Double, step: Int)? {
        guard let loss = stopping.progress.bestLoss, let step = stopping.progress.bestStep else { return nil }
        return (loss, step)
    }
}

extension ParameterTensor {
    /// As the optimiser sees it.
    func trained(_ rates: LearningRates) -> TrainedTensor {
        let role: LearningRates.Role =
            switch kind {
            case .a where place == .embedding, .b where place == .embedding: .embedding
            case .a, .router, .tokenRows: .matrix
            case .b: .lowRankB
            case .magnitude, .outputScale, .inputScale, .rankFactors, .outputFactors: .vector
            }
        let shape: TrainedTensor.Shape = columns == 1 ? .vector(rows) : .matrix(rows: rows, columns: columns)
        return TrainedTensor(name: checkpointName, shape: shape, group: rates.group(role))
    }
}
