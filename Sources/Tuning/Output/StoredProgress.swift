import JSON

/// How far a task is, as a checkpoint keeps it: everything that changes from step to step, but for parameters and moments.
struct StoredProgress: Equatable {
    var step = 0
    var trainedTokens = 0
    var optimiserSteps = 0
    /// Of the first example of the next step.
    var cursor = DataCursor()
    var finished: FinishReason?
    var owesEvaluation = false
    var skipCount = 0
    var consecutiveSkipCount = 0
    var stopping = EarlyStopping.Progress()
    var watch = LossWatch.Progress()

    init(_ task: TuningTask) {
        step = task.step
        trainedTokens = task.trainedTokens
        optimiserSteps = task.optimiser.stepCount
        cursor = task.cursor(afterSteps: step)
        finished = task.finished
        owesEvaluation = task.owesEvaluation
        skipCount = task.clipping.skipCount
        consecutiveSkipCount = task.clipping.consecutiveSkipCount
        stopping = task.stopping.progress
        watch = task.watch.progress
    }

    var document: JSONValue {
        [
            "step": .count(step), "trained_tokens": .count(trainedTokens), "optimiser_steps": .count(optimiserSteps),
            "cursor": ["epoch": .count(cursor.epoch), "position": .count(cursor.position)],
            "finished": finished.map { .string($0.rawValue) } ?? .null,
            "owes_evaluation": .bool(owesEvaluation), "skipped_steps": .count(skipCount), "consecutive_skipped_steps": .count(consecutiveSkipCount),
            "best_loss": .optional(stopping.bestLoss), "best_step": .optional(stopping.bestStep),
            "marked_loss": .optional(stopping.markedLoss),
            "evaluations_without_improvement": .count(stopping.evaluationsWithoutImprovement),
            "start_loss_sum": .number(watch.startSum), "start_loss_count": .count(watch.startCount), "bad_steps": .count(watch.badStepCount),
        ]
    }

    /// Errors: the member that is missing or outside its range.
    init(_ stored: JSONCursor, totalSteps: Int) throws(JSONError) {
        step = try stored["step"].int(in: 0...totalSteps)
        trainedTokens = try stored["trained_tokens"].int(in: 0...(1 << 60))
        optimiserSteps = try stored["optimiser_steps"].int(in: 0...step)
        let place = stored["cursor"]
        cursor = DataCursor(epoch: try place["epoch"].int(in: 0...(1 << 40)), position: try place["position"].int(in: 0...(1 << 40)))
        let reason = try stored["finished"].optionalName()
        finished = reason.flatMap(FinishReason.init(rawValue:))
        guard reason == nil || finished != nil else { throw stored["finished"].invalid("it is no known reason") }
        owesEvaluation = try stored["owes_evaluation"].optionalBool() ?? false
        skipCount = try stored["skipped_steps"].int(in: 0...step)
        consecutiveSkipCount = try stored["consecutive_skipped_steps"].int(in: 0...skipCount)
        stopping.bestLoss = try stored["best_loss"].optionalDouble()
        stopping.bestStep = try stored["best_step"].optionalInt(in: 0...step)
        stopping.markedLoss = try stored["marked_loss"].optionalDouble()
        stopping.evaluationsWithoutImprovement = try stored["evaluations_without_improvement"].int(in: 0...step)
        watch.startSum = try stored["start_loss_sum"].double()
        watch.startCount = try stored["start_loss_count"].int(in: 0...LossWatch.startLosses)
        watch.badStepCount = try stored["bad_steps"].int(in: 0...step)
    }
}
