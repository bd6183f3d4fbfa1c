import Foundation
import JSON
import Tuning

/// Tells what happens in a run: JSON lines on stdout, or the report and the results on stdout and the progress on stderr.
final class TuneReporter {
    private let json: Bool
    /// Steps between lines where the output is no terminal.
    private var lineInterval = 1
    private var heldOut: [String: Double] = [:]
    private var names: [String] = []
    private var total = 0
    private var done: [String: Int] = [:]
    private var losses: [String: Double] = [:]
    private var isLineOpen = false

    init(json: Bool) { self.json = json }

    func tell(_ event: TuneEvent) {
        if json {
            print(JSONValue.object(event.json).serialized())
            Terminal.flush()
            return
        }
        switch event {
        case .data(let task, let report):
            print("\(task)\n\(report.text)")
            Terminal.flush()
        case .start(let tasks, let resumed): start(tasks, resumed)
        case .estimate(let estimate): print(estimate.text)
        case .progress(let event, let pace): progress(event, pace)
        case .checkpoint: break
        case .written(let result):
            endLine()
            print(Self.line(result))
            Terminal.flush()
        case .failed(let task, let message):
            endLine()
            Terminal.say("lmoe: \(task): \(message)")
        }
    }

    private func start(_ tasks: [TuningTask], _ resumed: [String]) {
        names = tasks.map(\.name)
        total = max(1, tasks.reduce(0) { $0 + $1.totalSteps })
        for task in tasks { done[task.name] = task.step }
        lineInterval = max(1, (tasks.map(\.totalSteps).max() ?? 1) / 50)
        for task in tasks {
            let start = resumed.contains(task.name) ? "goes on after step \(task.step) of \(task.totalSteps)" : "\(task.totalSteps) steps"
            let kind = "\(task.settings.recipe.family.rawValue), \(task.settings.objective.name)"
            Terminal.say("\(task.name): \(start), \(kind), \(task.adapter.parameters.count) parameters")
        }
    }

    private func progress(_ event: TuningEvent, _ pace: TunePace.Now) {
        switch event {
        case .step(let report):
            done[report.task] = report.step
            losses[report.task] = report.loss
            if Terminal.errorIsTerminal {
                showBar(pace)
            } else if report.step % lineInterval == 0 || report.step == report.totalSteps || report.step == 1 {
                Terminal.say("\(report.task): step \(report.step) of \(report.totalSteps), loss \(loss(report.loss)), \(Self.text(pace))")
            }
            if report.gradientNorm == nil { say("\(report.task): step \(report.step) is left out: a gradient was not finite") }
        case .evaluation(let report):
            heldOut[report.task] = report.loss
            let best = report.isBest ? ", the best so far" : ""
            say("\(report.task): step \(report.step), held-out loss \(loss(report.loss))\(best)\(Self.details(report.metrics))")
        case .finished(let task, let reason):
            if reason == .stoppedEarly { say("\(task): the held-out loss does not fall any more; the run ends here") }
        }
    }

    private func showBar(_ pace: TunePace.Now) {
        let share = Double(done.values.reduce(0, +)) / Double(total)
        let filled = Int(share * 24)
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 24 - filled)
        let losses = names.prefix(4).compactMap { name -> String? in
            guard let value = self.losses[name] else { return nil }
            let other = heldOut[name].map(loss)
            if names.count > 1 { return "\(name) \(loss(value))\(other.map { "/\($0)" } ?? "")" }
            return "loss \(loss(value))\(other.map { ", held out \($0)" } ?? "")"
        }
        let line = "\(bar) \(Int(share * 100)) %  \(losses.joined(separator: ", "))  \(Self.text(pace))"
        FileHandle.standardError.write(Data("\r\u{1B}[K\(line)".utf8))
        isLineOpen = true
    }

    /// A line below the bar.
    private func say(_ text: String) {
        endLine()
        Terminal.say(text)
    }

    private func endLine() {
        guard isLineOpen else { return }
        FileHandle.standardError.write(Data("\r\u{1B}[K".utf8))
        isLineOpen = false
    }

    private static func text(_ pace: TunePace.Now) -> String {
        let left = pace.secondsLeft.map { ", \(TunePace.text($0)) left" } ?? ""
        return "\(Int(pace.tokensPerSecond)) tokens/s, \(Figure.bytes(pace.residentBytes))\(left)"
    }

    private static func details(_ metrics: ObjectiveMetrics) -> String {
        metrics.accuracy.map { ", \(Figure.decimals($0 * 100, 1)) % of pairs right" } ?? ""
    }

    private static func line(_ result: TaskResult) -> String {
        var parts = ["\(result.steps) steps, \(result.tokens) tokens"]
        if let value = result.trainingLoss { parts.append("training loss \(Figure.decimals(value, 4))") }
        if let value = result.heldOutLoss {
            let base = result.baseLoss.map { ", the base \(Figure.decimals($0, 4))" } ?? ""
            let step = result.bestStep.map { " after step \($0)" } ?? ""
            parts.append("held-out loss \(Figure.decimals(value, 4))\(step)\(base)")
        }
        return "wrote \(result.folder): \(parts.joined(separator: "; "))"
    }

    private func loss(_ value: Double) -> String { Figure.decimals(value, 4) }
}
