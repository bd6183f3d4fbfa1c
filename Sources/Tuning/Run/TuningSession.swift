public import Models
public import Tensors

/// Tunes several adapters at once on one base: each round puts micro-batches of running tasks through the model together, one of a task.
///
/// A round has at most the tokens of the largest micro-batch that a running task allows: tasks that do not fit take the next rounds, in
/// turns. References go through the model before it, in a pass of their own that keeps nothing.
///
/// A task's rows never meet those of another but in the base's products, which treat each row alone, and its gradients are summed over its
/// own rows in their order. So a task's result has the same bits whichever tasks run beside it, and whenever they begin, pause or end.
///
/// Isolation: one thread at a time.
public final class TuningSession {
    public let weights: DecoderWeights
    public private(set) var tasks: [TuningTask] = []
    /// Set by any thread, it stops what `advance` and `evaluate` compute before the next layer.
    public let interruption: Interruption
    private let pool: WorkerPool
    private var workspace: TrainingWorkspace?
    /// Whether the way back computes activations again instead of keeping them, which is slower and takes less memory; nil: where keeping
    /// them would take more than half of what the machine has left. No bit of a result depends on it.
    public var recomputes: Bool? {
        didSet { workspace = nil }
    }
    private var steps: [ObjectIdentifier: TaskStep] = [:]
    /// Tasks that take no part in rounds until they are resumed.
    private var paused: Set<ObjectIdentifier> = []
    /// The number of this round, and for each task that of its last one.
    private var round = 0
    private var lastRounds: [ObjectIdentifier: Int] = [:]
    /// Held-out losses are measured where they are due. When false they are not: an estimate measures steps alone.
    public var measuresHeldOut = true

    public init(_ weights: DecoderWeights, pool: WorkerPool, interruption: Interruption = Interruption()) {
        self.interruption = interruption
        self.weights = weights
        self.pool = pool
    }

    /// Takes a task in. Errors: `limitExceeded` for an example of more tokens than a micro-batch.
    public func add(_ task: TuningTask) throws(TuningError) {
        let limit = task.settings.microBatchTokens
        for (set, name) in [(task.training, "training"), (task.heldOut, "held-out")] {
            for (example, line) in zip(set.examples, set.lines) where example.rows > limit {
                throw TuningError(
                    .limitExceeded, "a \(name) example of \(example.rows) tokens, a micro-batch has at most \(limit)", line: line,
                    field: "micro_batch_tokens")
            }
        }
        // A workspace without room for products before the scale serves no task that scales them.
        if task.adapter.scalesOutputs, !tasks.contains(where: \.adapter.scalesOutputs) { workspace = nil }
        tasks.append(task)
    }

    /// Takes a task out, at the end of its last whole step: what a step under way has computed is dropped.
    public func remove(_ task: TuningTask) {
        tasks.removeAll { $0 === task }
        if steps.removeValue(forKey: ObjectIdentifier(task)) != nil { task.rewind() }
        paused.remove(ObjectIdentifier(task))
        lastRounds[ObjectIdentifier(task)] = nil
    }

    /// A paused task keeps its place; a step under way goes on where it was.
    public func setPaused(_ task: TuningTask, _ isPaused: Bool) {
        if isPaused { paused.insert(ObjectIdentifier(task)) } else { paused.remove(ObjectIdentifier(task)) }
    }

    /// Whether a task stands between two optimiser steps, so that a checkpoint of it is exact.
    public func isBetweenSteps(_ task: TuningTask) -> Bool { steps[ObjectIdentifier(task)] == nil }

    /// Tasks that a round would advance.
    public var running: [TuningTask] { tasks.filter { $0.finished == nil && !paused.contains(ObjectIdentifier($0)) } }

    /// A round, and the optimiser steps that are complete with it. `tell` gets what happened, in the order of the tasks. A task that throws
    /// is taken out; the steps of the others are done before the first error is thrown, and they go on with the next round.
    ///
    /// Errors: `nonFinite`, `diverged` of a task, `noMemory`; `interrupted`: what was computed of steps under way is dropped, so that a
    /// checkpoint of each task is exact, and the next round computes it again.
    public func advance(_ tell: (TuningEvent) -> Void) throws(TuningError) {
        do throws(TuningError) {
            try advanceOnce(tell)
        } catch {
            if error.code == .interrupted { dropStepsUnderWay() }
            throw error
        }
    }

    private func dropStepsUnderWay() {
        steps = [:]
        for task in tasks where task.finished == nil { task.rewind() }
    }

    private func advanceOnce(_ tell: (TuningEvent) -> Void) throws(TuningError) {
        let running = running
        if running.isEmpty { return }
        if interruption.isSet { throw Self.interrupted }
        let owing = running.filter(\.owesEvaluation)
        if !owing.isEmpty { return try settle(owing, tell) { (_) throws(TuningError) in } }
        for task in running where isBetweenSteps(task) { steps[ObjectIdentifier(task)] = try begin(task) }
        round += 1
        var batch = TrainingBatch(runs: [])
        var parts: [(task: TuningTask, examples: BatchedExamples)] = []
        for task in chosen(of: running) {
            guard let step = steps[ObjectIdentifier(task)] else { continue }
            lastRounds[ObjectIdentifier(task)] = round
            var own = BatchedExamples()
            let dropout = task.dropout.map {
                TrainingBatch.RunDropout($0, step: task.step, firstRow: step.firstRow(of: step.done))
            }
            own.add(
                step.examples[step.microBatches[step.done]], task.settings.objective, adapter: task.adapter, dropout: dropout, to: &batch)
            parts.append((task, own))
        }
        try addReferences(to: &parts)
        let logarithms = try forward(batch, differentiates: true)
        var slopes = logarithms.map { $0.map { _ in Float(0) } }
        for (task, examples) in parts {
            let place = ObjectIdentifier(task)
            guard var step = steps[place] else { continue }
            let result = try task.settings.objective.evaluate(examples.scored(logarithms), totals: step.totals)
            examples.place(result.gradients, into: &slopes)
            // A mixture's balance loss is a mean over rows: each micro-batch counts by its share of them.
            let share = step.share(of: step.done)
            task.adapter.balanceWeight = Float(share)
            step.loss += result.loss + share * (workspace?.balanceLoss(task.adapter) ?? 0)
            step.metrics += result.metrics
            step.done += 1
            steps[place] = step
        }
        workspace?.backward(slopes)
        if workspace?.wasInterrupted == true { throw Self.interrupted }
        try settle(parts.map(\.task).filter { steps[ObjectIdentifier($0)]?.isComplete == true }, tell) { (task) throws(TuningError) in
            guard let step = steps.removeValue(forKey: ObjectIdentifier(task)) else { return }
            tell(.step(try task.apply(step, weights, pool)))
        }
    }

    /// Does what is due at the end of steps, for each task, whether or not it fails for another one.
    private func settle(
        _ tasks: [TuningTask], _ tell: (TuningEvent) -> Void, _ apply: (TuningTask) throws(TuningError) -> Void
    ) throws(TuningError) {
        var failure: TuningError?
        for task in tasks {
            do throws(TuningError) {
                try apply(task)
                task.owesEvaluation = true
                try finish(task, tell)
                task.owesEvaluation = false
            } catch where error.code == .interrupted {
                failure = failure ?? error
            } catch {
                remove(task)
                failure = failure.flatMap { $0.code == .interrupted ? nil : $0 } ?? error.named(task.name)
            }
        }
        if let failure { throw failure }
    }

    private static let interrupted = TuningError(.interrupted, "the run was told to stop")

    /// Tasks whose next micro-batches fit a round together, in the order of the tasks. The one that has waited longest is always among them.
    private func chosen(of running: [TuningTask]) -> [TuningTask] {
        var left = running.reduce(0) { max($0, $1.settings.microBatchTokens) }
        var taken: Set<ObjectIdentifier> = []
        let waiting = running.enumerated().sorted { one, other in
            let (first, second) = (lastRounds[ObjectIdentifier(one.element)] ?? 0, lastRounds[ObjectIdentifier(other.element)] ?? 0)
            return (first, one.offset) < (second, other.offset)
        }
        for (_, task) in waiting {
            let rows = steps[ObjectIdentifier(task)]?.rows ?? 0
            guard taken.isEmpty || rows <= left else { continue }
            left -= rows
            taken.insert(ObjectIdentifier(task))
        }
        return running.filter { taken.contains(ObjectIdentifier($0)) }
    }

    /// What the references of tasks say of their examples; nothing without any.
    private func addReferences(to parts: inout [(task: TuningTask, examples: BatchedExamples)]) throws(TuningError) {
        var batch = TrainingBatch(runs: [])
        let compared = parts.indices.filter { parts[$0].task.settings.objective.needsReference }
        if compared.isEmpty { return }
        for index in compared { parts[index].examples.addReferences(parts[index].task.reference, to: &batch) }
        let logarithms = try forward(batch, differentiates: false)
        for index in compared { parts[index].examples.keepReferences(logarithms) }
    }

    /// After an optimiser step: measures the held-out loss where it is due, and ends the task.
    private func finish(_ task: TuningTask, _ tell: (TuningEvent) -> Void) throws(TuningError) {
        let isLast = task.step >= task.totalSteps
        if measuresHeldOut, task.isEvaluationDue || isLast, !task.heldOut.examples.isEmpty {
            let (loss, metrics) = try evaluate(
                task.heldOut, task.settings.objective, adapter: task.adapter, reference: task.reference, task.settings.microBatchTokens)
            let outcome = task.stopping.record(loss: loss, step: task.step)
            if outcome.isBest { try task.keepBest() }
            tell(.evaluation(.init(task: task.name, step: task.step, loss: loss, isBest: outcome.isBest, metrics: metrics)))
            if outcome.stops, !isLast { task.finished = .stoppedEarly }
        }
        if isLast { task.finished = .completed }
        if let reason = task.finished { tell(.finished(task: task.name, reason)) }
    }

    /// The loss over a set of examples, without gradients. `adapter` nil: of the base; `reference` nil: compared with the base.
    public func evaluate(
        _ set: ExampleSet, _ objective: Objective, adapter: TrainableAdapter?, reference: TrainableAdapter? = nil, _ microBatchTokens: Int
    ) throws(TuningError) -> (loss: Double, metrics: ObjectiveMetrics) {
        var totals = StepTotals()
        for example in set.examples { totals += objective.totals(of: example) }
        if objective.needsDivergence { totals.divergence = try divergence(set.examples, adapter, reference, microBatchTokens) }
        var (loss, metrics) = (0.0, ObjectiveMetrics())
        for range in TaskStep.cut(set.examples, microBatchTokens: microBatchTokens) {
            let result = try objective.evaluate(
                scores(set.examples[range], objective, adapter, reference), totals: totals)
            loss += result.loss
            metrics += result.metrics
        }
        return (loss, metrics)
    }

    private func scores(
        _ examples: ArraySlice<TrainingExample>, _ objective: Objective, _ adapter: TrainableAdapter?,
        _ reference: TrainableAdapter?
    ) throws(TuningError) -> [ScoredExample] {
        let compares = objective.needsReference
        return try scores(examples, objective, adapter, comparesWith: compares ? .some(reference) : .none)
    }

    /// - Parameter reference: `.none`: with nothing; `.some(nil)`: with the base.
    private func scores(
        _ examples: ArraySlice<TrainingExample>, _ objective: Objective, _ adapter: TrainableAdapter?,
        comparesWith reference: TrainableAdapter??
    ) throws(TuningError) -> [ScoredExample] {
        var (batch, compared, own) = (TrainingBatch(runs: []), TrainingBatch(runs: []), BatchedExamples())
        own.add(examples, objective, adapter: adapter, to: &batch)
        if let reference {
            own.addReferences(reference, to: &compared)
            own.keepReferences(try forward(compared, differentiates: false))
        }
        return own.scored(try forward(batch, differentiates: false))
    }

    /// KTO's estimate, from each prompt with another one's answer.
    private func divergence(
        _ examples: [TrainingExample], _ adapter: TrainableAdapter?, _ reference: TrainableAdapter?, _ microBatchTokens: Int
    ) throws(TuningError) -> Double {
        let mismatched = KTO.mismatched(examples, maximumTokens: microBatchTokens).map { TrainingExample.labelled($0, isDesirable: true) }
        var all: [SequenceScores] = []
        for range in TaskStep.cut(mismatched, microBatchTokens: microBatchTokens) {
            all += try scores(mismatched[range], .supervised, adapter, comparesWith: .some(reference)).flatMap(\.scores)
        }
        return KTO.divergence(all)
    }

    private func begin(_ task: TuningTask) throws(TuningError) -> TaskStep {
        var step = TaskStep(task.drawExamples(), objective: task.settings.objective, microBatchTokens: task.settings.microBatchTokens)
        if task.settings.objective.needsDivergence {
            step.totals.divergence = try divergence(step.examples, task.adapter, task.reference, task.settings.microBatchTokens)
        }
        task.adapter.clearGradients()
        return step
    }

    /// Errors: `noMemory`; the workspace is given back then. `interrupted`.
    private func forward(_ batch: TrainingBatch, differentiates: Bool) throws(TuningError) -> [[Float]] {
        let logarithms: [[Float]]
        do throws(ModelError) {
            logarithms = try workspace(batch.rows).forward(batch, differentiates: differentiates)
        } catch {
            workspace = nil
            throw TuningError(.noMemory, error.message)
        }
        if workspace?.wasInterrupted == true { throw Self.interrupted }
        return logarithms
    }

    /// Room for so many rows. It grows to the largest round.
    private func workspace(_ rows: Int) throws(ModelError) -> TrainingWorkspace {
        if let workspace, workspace.maximumRows >= rows { return workspace }
        workspace = nil
        let (room, scales) = ((rows + 127) / 128 * 128, tasks.contains { $0.adapter.scalesOutputs })
        let made = try TrainingWorkspace(
            weights, pool: pool, maximumRows: room, scalesOutputs: scales,
            recomputes: recomputes ?? TrainingWorkspace.isMemoryShort(weights.configuration, rows: room), interruption: interruption)
        workspace = made
        return made
    }
}
