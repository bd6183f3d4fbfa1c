import Foundation
import Gateway
import Models
import Tensors
import Tuning

/// Tunes tasks together until all have ended or the run is interrupted, and writes their adapters. One thread uses it.
final class TuneRun {
    struct Options {
        var replaces = false
        /// Optimiser steps of a task between checkpoints; 0: there are none between.
        var checkpointSteps = 100
        /// A file for the picture of the losses.
        var plot: String?
        /// Measures a step and ends.
        var estimates = false
    }

    private let base: TuneBase
    private let tasks: [TuneTask]
    private let options: Options
    private let reporter: TuneReporter
    private let session: TuningSession
    private let weights: DecoderWeights
    private let pool: WorkerPool
    private var histories: [String: TuningHistory] = [:]
    private var pace = TunePace()
    private var failures: [String] = []

    init(
        _ tasks: [TuneTask], base: TuneBase, weights: DecoderWeights, pool: WorkerPool, options: Options, reporter: TuneReporter
    ) {
        self.tasks = tasks
        self.base = base
        self.options = options
        self.reporter = reporter
        self.weights = weights
        self.pool = pool
        session = TuningSession(weights, pool: pool)
    }

    /// Errors: those of a base, of tasks that cannot be set up, and `Failure` where a task ended without an adapter.
    func run() throws {
        try begin()
        if options.estimates {
            reporter.tell(.estimate(try TuneEstimate(session)))
            return
        }
        let interrupts = InterruptWatch()
        defer { interrupts.stop() }
        pace = TunePace()
        while !session.running.isEmpty, !interrupts.isInterrupted { try advance() }
        drawPlot()
        if !session.running.isEmpty { throw leaving() }
        guard failures.isEmpty else {
            throw Failure(message: "no adapter was written for \(failures.joined(separator: ", "))")
        }
    }

    // MARK: Start

    private func begin() throws {
        var resumed: [String] = []
        for own in tasks {
            do throws(TuningError) {
                let task = try TuningTask(
                    own.plan.name, settings: own.settings, training: own.data.training, heldOut: own.data.heldOut, weights: weights,
                    pool: pool, continuing: own.start)
                if let checkpoint = own.checkpoints.newest {
                    try task.resume(from: checkpoint, base: base.identity, weights: weights, pool: pool)
                    resumed.append(task.name)
                }
                histories[task.name] = try own.checkpoints.history(task.name)
                try session.add(task)
            } catch {
                let isUsage = error.code == .invalidSetting || error.code == .limitExceeded
                throw Failure(message: "\(own.plan.name): \(own.plan.texts.placed(error))", status: isUsage ? .usage : .failed)
            }
        }
        reporter.tell(.start(session.tasks, resumed: resumed))
        if options.estimates { return }
        for task in session.tasks where !resumed.contains(task.name) {
            try measureBase(task)
            // A disk without room is found now, and a run that is killed has a start.
            try save(task)
        }
        for task in session.tasks {
            if let reason = task.finished { finish(task.name, reason) }
        }
    }

    /// The base's held-out loss, with which the adapter's is compared.
    private func measureBase(_ task: TuningTask) throws {
        guard !task.heldOut.examples.isEmpty else { return }
        let (loss, _) = try session.evaluate(task.heldOut, task.settings.objective, adapter: nil, task.settings.microBatchTokens)
        histories[task.name]?.baseLoss = loss
    }

    private func save(_ task: TuningTask) throws {
        guard let own = own(task.name), let history = histories[task.name] else { return }
        let path = try own.checkpoints.save(task, base.identity, history)
        reporter.tell(.checkpoint(task: task.name, step: task.step, file: path))
    }

    private func own(_ name: String) -> TuneTask? { tasks.first { $0.plan.name == name } }

    // MARK: Steps

    private func advance() throws {
        let before = session.tasks
        var events: [TuningEvent] = []
        var failure: TuningError?
        do throws(TuningError) {
            try session.advance { events.append($0) }
        } catch {
            failure = error
        }
        let lost = before.filter { task in !session.tasks.contains { $0 === task } }
        for event in events { note(event) }
        for case .step(let report) in events { saveIfDue(report) }
        guard let failure else { return }
        // Not of a task: the run cannot go on.
        guard !lost.isEmpty else { throw failure }
        for task in lost { fail(task.name, failure.description) }
    }

    private func note(_ event: TuningEvent) {
        for name in histories.keys { histories[name]?.record(event) }
        if case .step(let report) = event { pace.add(tokens: report.tokens) }
        let remaining = session.tasks.reduce(0) { $0 + ($1.finished == nil ? $1.totalSteps - $1.step : 0) }
        reporter.tell(.progress(event, pace.now(remaining: remaining)))
        switch event {
        case .step: break
        case .evaluation: drawPlot()
        case .finished(let name, let reason): finish(name, reason)
        }
    }

    /// A task whose checkpoint cannot be written ends; the others go on.
    private func saveIfDue(_ report: StepReport) {
        guard options.checkpointSteps > 0, report.step % options.checkpointSteps == 0,
            let task = session.running.first(where: { $0.name == report.task })
        else { return }
        do {
            try save(task)
        } catch {
            session.remove(task)
            fail(task.name, "\(error)")
        }
    }

    /// Writes the task's adapter, and lets go of the task.
    private func finish(_ name: String, _ reason: FinishReason) {
        guard let task = session.tasks.first(where: { $0.name == name }), let own = own(name), let history = histories[name]
        else { return }
        session.remove(task)
        do throws(TuningError) {
            let writer = AdapterFolderWriter(element: own.element, replaces: options.replaces)
            try writer.write(task, own.record(base, history), to: own.folder)
        } catch {
            return fail(name, "\(error)\(kept(task, own, history))")
        }
        reporter.tell(
            .written(
                TuneResult(
                    task: name, folder: own.folder, steps: task.step, tokens: task.trainedTokens,
                    trainingLoss: history.training.last?.loss, heldOutLoss: task.bestEvaluation?.loss, baseLoss: history.baseLoss,
                    bestStep: task.bestEvaluation?.step, finish: reason)))
        do throws(TuningError) {
            try own.checkpoints.remove()
        } catch {
            Terminal.say("lmoe: \(name): its checkpoints are of no more use and could not be deleted: \(error)")
        }
    }

    /// Keeps the result of a task whose folder could not be written. Returns what to tell of it.
    private func kept(_ task: TuningTask, _ own: TuneTask, _ history: TuningHistory) -> String {
        do throws(TuningError) {
            try own.checkpoints.save(task, base.identity, history)
            return "; the result is kept in \(own.checkpoints.folder.path): when that is put right, --resume writes the adapter"
        } catch {
            return "; nor could the result be kept: \(error). --resume goes on from the last checkpoint"
        }
    }

    private func fail(_ name: String, _ message: String) {
        failures.append(name)
        reporter.tell(.failed(task: name, message: message))
    }

    // MARK: End

    /// After an interruption.
    private func leaving() -> Failure {
        for task in session.running {
            do {
                try save(task)
            } catch {
                Terminal.say("lmoe: \(task.name): its checkpoint could not be written, --resume goes on from the one before: \(error)")
            }
        }
        let steps = session.running.map { "\($0.name) after step \($0.step) of \($0.totalSteps)" }.joined(separator: ", ")
        let words = CommandLine.arguments.dropFirst().filter { !["--resume", "--restart"].contains($0) } + ["--resume"]
        return Failure(message: "interrupted: \(steps). Go on with: lmoe \(words.map(Self.quoted).joined(separator: " "))")
    }

    /// As a shell reads it.
    private static func quoted(_ word: String) -> String {
        let isPlain = !word.isEmpty && word.utf8.allSatisfy { byte in
            let character = Character(UnicodeScalar(byte))
            return character.isASCII && (character.isLetter || character.isNumber || "-_./=,:+@%".contains(character))
        }
        return isPlain ? word : "'\(word.replacing("'", with: "'\\''"))'"
    }

    /// A picture that cannot be written does not end the run.
    private func drawPlot() {
        guard let plot = options.plot else { return }
        let curves = tasks.compactMap { histories[$0.plan.name] }
        do {
            try Data(LossPlot(curves: curves).svg.utf8).write(to: URL(fileURLWithPath: plot), options: .atomic)
        } catch {
            Terminal.say("lmoe: \(plot): the picture cannot be written: \(error.localizedDescription)")
        }
    }
}
