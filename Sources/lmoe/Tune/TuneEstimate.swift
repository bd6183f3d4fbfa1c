import JSON
import Tuning

/// How long a run takes and how much memory it needs, from one measured step.
struct TuneEstimate {
    /// Rows that went through the model in the measured rounds, and how long they took.
    let rows: Int
    let seconds: Double
    /// Rows that were measured without gradients.
    let evaluatedRows: Int
    let evaluationSeconds: Double
    /// Rows of the whole run.
    let trainingRows: Int
    let evaluationRows: Int
    /// Of this process, at its highest.
    let peakBytes: Int
    let availableBytes: Int
    let steps: Int

    /// Computes two optimiser steps of each task, of which the second is measured: the first also fetches memory. Then measures some
    /// examples without gradients. The tasks are of no use afterwards.
    init(_ session: TuningSession) throws {
        let tasks = session.tasks
        var measured = (rows: 0, seconds: 0.0)
        for _ in 0..<2 where !session.running.isEmpty {
            var rows = 0
            let seconds = try elapsed { rows = try Self.step(session) }
            measured = (rows, seconds)
        }
        (rows, seconds) = (max(1, measured.rows), measured.seconds)
        var evaluated = 0
        evaluationSeconds = try elapsed {
            for task in tasks {
                var part = ExampleSet()
                for (example, line) in zip(task.training.examples, task.training.lines).prefix(task.settings.examples) {
                    part.examples.append(example)
                    part.lines.append(line)
                    evaluated += example.inputTokens
                }
                _ = try session.evaluate(part, task.settings.objective, adapter: task.adapter, task.settings.microBatchTokens)
            }
        }
        evaluatedRows = max(1, evaluated)
        trainingRows = tasks.reduce(0) { $0 + $1.plannedRows }
        evaluationRows = tasks.reduce(0) { $0 + $1.plannedEvaluations * $1.heldOut.inputTokens }
        steps = tasks.reduce(0) { $0 + $1.totalSteps }
        peakBytes = ProcessMemory.now("").peak
        availableBytes = ProcessMemory.available
    }

    /// One optimiser step of each task that goes on, and its rows.
    private static func step(_ session: TuningSession) throws -> Int {
        var (rows, open) = (0, Set(session.running.map(\.name)))
        while !open.isEmpty {
            try session.advance { event in
                guard case .step(let report) = event, open.remove(report.task) != nil else { return }
                rows += report.tokens
                if let task = session.tasks.first(where: { $0.name == report.task }) { session.setPaused(task, true) }
            }
        }
        for task in session.tasks { session.setPaused(task, false) }
        return rows
    }

    private var runSeconds: Double {
        seconds / Double(rows) * Double(trainingRows) + evaluationSeconds / Double(evaluatedRows) * Double(evaluationRows)
    }

    var text: String {
        """
        measured: a step of \(rows) tokens in \(Figure.decimals(seconds, 2)) s (\(Int(Double(rows) / seconds)) tokens/s), \
        \(evaluatedRows) tokens without gradients in \(Figure.decimals(evaluationSeconds, 2)) s
        the run:  \(steps) steps, \(trainingRows) tokens to train and \(evaluationRows) to measure: about \(TunePace.text(runSeconds)) \
        (minutes:seconds)
        memory:   \(Figure.bytes(peakBytes)) after that step; the machine has \(Figure.bytes(availableBytes)) left. Steps of longer \
        examples take more, up to what --micro-batch-tokens allows
        """
    }

    var json: JSONObject {
        [
            "event": "estimate", "step_tokens": .integer(Int64(rows)), "step_seconds": .number(seconds),
            "tokens_per_second": .number(Double(rows) / seconds), "steps": .integer(Int64(steps)),
            "training_tokens": .integer(Int64(trainingRows)), "evaluation_tokens": .integer(Int64(evaluationRows)),
            "seconds": .number(runSeconds), "peak_bytes": .integer(Int64(peakBytes)), "available_bytes": .integer(Int64(availableBytes)),
        ]
    }
}

extension TrainingExample {
    /// Tokens that go through the model.
    fileprivate var inputTokens: Int { sequences.reduce(0) { $0 + max(0, $1.tokens.count - 1) } }
}

extension ExampleSet {
    fileprivate var inputTokens: Int { examples.reduce(0) { $0 + $1.inputTokens } }
}

extension TuningTask {
    /// Tokens that its steps take through the model, nearly.
    fileprivate var plannedRows: Int {
        let epochs = Double(totalSteps) / Double(settings.stepsOfEpoch(training.examples.count))
        return Int(epochs * Double(training.inputTokens))
    }

    fileprivate var plannedEvaluations: Int {
        let interval = settings.evaluationInterval ?? settings.stepsOfEpoch(training.examples.count)
        return (totalSteps + interval - 1) / interval + 1
    }
}

extension TaskSettings {
    fileprivate func stepsOfEpoch(_ count: Int) -> Int { max(1, (count + examples - 1) / examples) }
}
