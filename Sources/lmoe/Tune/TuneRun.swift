import Foundation
import Tuning

/// Runs tasks until all have ended or somebody interrupts, and tells a person of it. One thread uses it.
final class TuneRun {
    private let tasks: [PreparedTask]
    private let run: TuningRun
    private let reporter: TuneReporter
    /// A file for the picture of the losses.
    private let plot: String?
    private var curves: [String: TuningHistory] = [:]
    private var pace = TunePace()
    private var failures: [String] = []

    init(_ tasks: [PreparedTask], _ run: TuningRun, plot: String?, reporter: TuneReporter) {
        self.tasks = tasks
        self.run = run
        self.plot = plot
        self.reporter = reporter
    }

    /// Errors: those of a base, of tasks that cannot be set up, and `Failure` where a task ended without an adapter.
    func toTheEnd() throws {
        try begin()
        let interrupts = InterruptWatch(run.interruption)
        defer { interrupts.stop() }
        pace = TunePace()
        var reason = "interrupted"
        do throws(TuningError) {
            while !run.tasks.isEmpty, !run.interruption.isSet { try run.advance(tell) }
        } catch {
            // Of no task, such as no memory: all of them can go on another time.
            if error.code != .interrupted { reason = error.description }
        }
        drawPlot()
        if !run.tasks.isEmpty { throw leaving(reason) }
        guard failures.isEmpty else {
            throw Failure(message: "no adapter was written for \(failures.joined(separator: ", "))")
        }
    }

    /// Measures a step in place of a run.
    func estimate() throws {
        try begin()
        run.session.measuresHeldOut = false
        reporter.tell(.estimate(try TuneEstimate(run.session)))
    }

    private func begin() throws {
        for own in tasks {
            do throws(TuningError) {
                let task = try run.add(own)
                curves[task.name] = run.history(task.name)
            } catch {
                let isUsage = error.code == .invalidSetting || error.code == .limitExceeded
                throw Failure(message: "\(own.name): \(own.plan.texts.placed(error))", status: isUsage ? .usage : .failed)
            }
        }
        reporter.tell(.start(run.tasks, resumed: tasks.filter { $0.checkpoints.newest != nil }.map(\.name)))
    }

    private func tell(_ event: TuningRunEvent) {
        switch event {
        case .progress(let progress):
            if case .step(let report) = progress { pace.add(tokens: report.tokens) }
            let remaining = run.tasks.reduce(0) { $0 + ($1.finished == nil ? $1.totalSteps - $1.step : 0) }
            reporter.tell(.progress(progress, pace.now(remaining: remaining)))
            for task in run.tasks { curves[task.name] = run.history(task.name) }
            if case .evaluation = progress { drawPlot() }
        case .checkpoint(let task, let step, let file): reporter.tell(.checkpoint(task: task, step: step, file: file))
        case .written(let result): reporter.tell(.written(result))
        case .failed(let task, let error):
            failures.append(task)
            reporter.tell(.failed(task: task, message: error.description))
        case .warning(let task, let message): Terminal.say("lmoe: \(task): \(message)")
        }
    }

    /// After an interruption, or where the run cannot go on.
    private func leaving(_ reason: String) -> Failure {
        let running = run.tasks
        let steps = running.map { "\($0.name) after step \($0.step) of \($0.totalSteps)" }.joined(separator: ", ")
        for task in running {
            do throws(TuningError) {
                try run.suspend(task.name, tell)
            } catch {
                Terminal.say("lmoe: \(task.name): its checkpoint could not be written, --resume goes on from the one before: \(error)")
            }
        }
        let words = CommandLine.arguments.dropFirst().filter { !["--resume", "--restart"].contains($0) } + ["--resume"]
        return Failure(message: "\(reason): \(steps). Go on with: lmoe \(words.map(Self.quoted).joined(separator: " "))")
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
        guard let plot else { return }
        do {
            let drawn = tasks.compactMap { curves[$0.name] }
            try Data(LossPlot(curves: drawn).svg.utf8).write(to: URL(fileURLWithPath: plot), options: .atomic)
        } catch {
            Terminal.say("lmoe: \(plot): the picture cannot be written: \(error.localizedDescription)")
        }
    }
}
