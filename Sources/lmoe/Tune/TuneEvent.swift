import JSON
import Tuning

/// What `lmoe tune` tells, in order: a line of JSON each, or text for a person.
enum TuneEvent {
    /// The data were read and checked.
    case data(task: String, DataReport)
    /// The tasks are set up and the first step comes.
    case start([TuningTask], resumed: [String])
    case estimate(TuneEstimate)
    /// A step, a measurement, or the end of a task.
    case progress(TuningEvent, TunePace.Now)
    case checkpoint(task: String, step: Int, file: String)
    /// The adapter's folder is there.
    case written(TaskResult)
    /// The task ended without a result.
    case failed(task: String, message: String)
}

extension TuneEvent {
    var json: JSONObject {
        switch self {
        case .data(let task, let report): ["event": "data", "task": .string(task), "report": report.json]
        case .start(let tasks, let resumed):
            [
                "event": "start",
                "tasks": .array(
                    tasks.map { task in
                        [
                            "task": .string(task.name), "steps": .integer(Int64(task.totalSteps)), "step": .integer(Int64(task.step)),
                            "resumed": .bool(resumed.contains(task.name)), "parameters": .integer(Int64(task.adapter.parameters.count)),
                            "settings": .object(task.settings.document),
                        ]
                    }),
            ]
        case .estimate(let estimate): estimate.json
        case .progress(let event, let pace): Self.json(event, pace)
        case .checkpoint(let task, let step, let file):
            ["event": "checkpoint", "task": .string(task), "step": .integer(Int64(step)), "file": .string(file)]
        case .written(let result):
            [
                "event": "written", "task": .string(result.task), "folder": .string(result.folder), "steps": .integer(Int64(result.steps)),
                "tokens": .integer(Int64(result.tokens)), "finish_reason": .string(result.finish.rawValue),
                "loss": number(result.trainingLoss),
                "held_out_loss": number(result.heldOutLoss), "base_held_out_loss": number(result.baseLoss),
                "best_step": result.bestStep.map { .integer(Int64($0)) } ?? .null,
            ]
        case .failed(let task, let message): ["event": "failed", "task": .string(task), "message": .string(message)]
        }
    }

    private static func json(_ event: TuningEvent, _ pace: TunePace.Now) -> JSONObject {
        switch event {
        case .step(let report):
            [
                "event": "step", "task": .string(report.task), "step": .integer(Int64(report.step)),
                "steps": .integer(Int64(report.totalSteps)), "epoch": .number(report.epoch), "loss": number(report.loss),
                "gradient_norm": number(report.gradientNorm), "learning_rate": .number(report.learningRate),
                "tokens": .integer(Int64(report.tokens)), "metrics": metrics(report.metrics),
                "tokens_per_second": .number(pace.tokensPerSecond), "resident_bytes": .integer(Int64(pace.residentBytes)),
                "seconds_left": number(pace.secondsLeft),
            ]
        case .evaluation(let report):
            [
                "event": "evaluation", "task": .string(report.task), "step": .integer(Int64(report.step)),
                "held_out_loss": number(report.loss),
                "is_best": .bool(report.isBest), "metrics": metrics(report.metrics),
            ]
        case .finished(let task, let reason): ["event": "finished", "task": .string(task), "reason": .string(reason.rawValue)]
        }
    }

    private static func metrics(_ metrics: ObjectiveMetrics) -> JSONValue {
        var object = JSONObject()
        if let value = metrics.negativeLogLikelihood { object["nll"] = number(value) }
        if let value = metrics.accuracy { object["accuracy"] = number(value) }
        if let value = metrics.margin { object["margin"] = number(value) }
        if let value = metrics.chosen.reward { object["chosen_reward"] = number(value) }
        if let value = metrics.rejected.reward { object["rejected_reward"] = number(value) }
        return .object(object)
    }
}

/// JSON has no NaN and no infinity.
private func number(_ value: Double?) -> JSONValue { value.flatMap { $0.isFinite ? .number($0) : nil } ?? .null }
