import Adapters
import ArgumentParser
import Files
import Foundation
import Gateway
import Models
import Tuning

/// `lmoe tune`: from a file of examples to an adapter's folder.
struct Tune: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Tune adapters on files of examples.",
        discussion: """
            EXAMPLES
              lmoe tune tickets --data tickets.jsonl --dry-run
              lmoe tune tickets --data tickets.jsonl --held-out test.jsonl --patience 3
              lmoe tune polite --data pairs.jsonl --objective dpo --family dora
              lmoe tune --config tasks.yaml --plot loss.svg

            The data are checked first, and a report says what was found. Then the adapter is tuned \
            on the base's frozen, quantised weights. At the end its folder is written, with the \
            parameters of the lowest held-out loss; a running service serves it at once. \
            docs/tuning.md describes formats, settings and limits.

            Ctrl-C writes a checkpoint and ends the run; the same command with --resume goes on \
            from there, with the result of a run that was not interrupted.
            """)

    /// Where the base and the adapters are.
    struct Places: SettingOptions {
        @Option(.base) var base: String?
        @Option(.adapters) var adapters: String?
        @Option(.threads) var threads: String?
        @Option(.cpus) var cpus: String?
        @Option(.precision) var precision: String?
    }

    @Argument(help: "The adapter's name; not with --config.") var name: String?
    @OptionGroup var task: TaskOptions
    @Option(name: .customLong("config"), help: ArgumentHelp("A YAML file of tasks, which are tuned together. (The program's own settings are in the file that LMOE_CONFIG names.)", valueName: "file"))
    var config: String?
    @OptionGroup var places: Places
    @Flag(help: "Replace the adapter's folder if it is there.") var replace = Variables.flag("replace")
    @Flag(help: "Read and check the data, print the report, and end.") var dryRun = Variables.flag("dry-run")
    @Flag(help: "Measure one step, print what the run takes in time and memory, and end.") var estimate = Variables.flag("estimate")
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "Write the task as a job for PEFT and TRL, or MoE-PEFT, there, and end: `--export peft DIR`.", valueName: "peft DIR"))
    var export: [String] = []
    @Flag(help: "Go on from the checkpoints of a run that did not end.") var resume = Variables.flag("resume")
    @Flag(help: "Delete such checkpoints and begin anew.") var restart = Variables.flag("restart")
    @Option(help: ArgumentHelp("Steps between checkpoints; 0 writes none between the start and an interruption.", valueName: "steps"))
    var checkpointSteps = Variables.integer("checkpoint-steps") ?? 100
    @Flag(help: "Compute activations again on the way back: slower, with less memory, which is done by itself where memory is short.")
    var recompute = Variables.flag("recompute")
    @Option(help: ArgumentHelp("Draw training and held-out losses there, after each measurement.", valueName: "file.svg"))
    var plot: String?
    @Flag(help: "Print one JSON document a line: the report, each step and measurement, and the result.")
    var json = Variables.flag("json")

    func validate() throws {
        guard (name == nil) != (config == nil) else {
            throw ValidationError("Give the adapter's name and --data, or --config with a file of tasks.")
        }
        guard !(resume && restart) else { throw ValidationError("--resume goes on and --restart begins anew: give one of them.") }
        guard 0...1_000_000_000 ~= checkpointSteps else { throw ValidationError("--checkpoint-steps is 0 or more.") }
    }

    func run() throws {
        let exported = try TuneExport(export)
        let file = try config.map(TaskFile.init)
        let plans = try plans(file)
        var flags = places.flags
        if let base = file?.base, flags[.base] == nil { flags[.base] = base }
        let configuration = try Workspace.configuration(flags: flags, file: Variables.text("config"))
        let places = try plans.map { try TunePlace($0, in: configuration.adapters) }
        for (index, place) in places.enumerated() where places[..<index].contains(where: { $0.identity == place.identity }) {
            throw Failure.usage("two tasks write \(place.folder)")
        }
        if resume, try places.allSatisfy({ try !$0.exists && !$0.hasCheckpoints }) {
            throw Failure(message: "\(places.map(\.folder).joined(separator: ", ")): there is no checkpoint to resume from: leave --resume out")
        }
        let files = try configuration.openModelFiles()
        let base = try configuration.openTuningBase(files)
        let reporter = TuneReporter(json: json)
        var tasks: [PreparedTask] = []
        for (plan, place) in zip(plans, places) {
            do throws(TuningError) {
                guard let checkpoints = try checkpoints(place) else { continue }
                for error in checkpoints.damaged {
                    Terminal.say("lmoe: \(error); the one of step \(checkpoints.newest?.step ?? 0) is taken")
                }
                let task = try PreparedTask(plan, folder: place.folder, checkpoints: checkpoints, base: base) { report in
                    reporter.tell(.data(task: plan.name, report))
                }
                tasks.append(task)
            } catch {
                let isUsage = error.code == .invalidSetting || error.code == .exists
                throw Failure(message: "\(plan.name): \(plan.texts.placed(error))", status: isUsage ? .usage : .failed)
            }
        }
        if dryRun { return }
        if let exported { return try exported.write(tasks, base, vocabulary: files.configuration.vocabulary, configuration) }
        guard !tasks.isEmpty else { throw Failure(message: "there is nothing to go on with: all adapters are written") }
        let pool = try configuration.startPool()
        Terminal.progress("opening \(configuration.base)")
        let weights = try configuration.openDecoder(files, pool)
        let options = TuningRun.Options(replaces: replace, checkpointSteps: checkpointSteps, recomputes: recompute ? true : nil)
        let run = TuningRun(base: base.identity, weights: weights, pool: pool, options: options, baseWeights: BaseWeights(files))
        let own = TuneRun(tasks, run, plot: plot, reporter: reporter)
        if estimate { try own.estimate() } else { try own.toTheEnd() }
    }

    /// Where a task's run begins; nil: it has ended. What is in the way is refused before the run and not after it.
    private func checkpoints(_ place: TunePlace) throws(TuningError) -> TaskCheckpoints? {
        if dryRun || estimate || !export.isEmpty { return TaskCheckpoints(unusedFor: try TaskCheckpoints.folder(of: place.folder)) }
        try place.checkParent()
        if resume {
            if place.exists, try !place.hasCheckpoints {
                Terminal.say("\(place.folder) is written")
                return nil
            }
            try checkFree(place)
            // A run of several tasks may have been killed before all had a checkpoint.
            guard try place.hasCheckpoints else { return try TaskCheckpoints(beginning: place.folder, restarts: false) }
            return try TaskCheckpoints(resuming: place.folder)
        }
        try checkFree(place)
        return try TaskCheckpoints(beginning: place.folder, restarts: restart)
    }

    private func checkFree(_ place: TunePlace) throws(TuningError) {
        guard replace || !place.exists else {
            throw TuningError(.exists, "already exists: use --replace, another name, or --out", file: place.folder)
        }
    }

    private func plans(_ file: TaskFile?) throws -> [TaskPlan] {
        var tasks: [(name: String, texts: SettingTexts)] = []
        let flags = task.texts
        if let name {
            tasks = [(name, flags.over(TaskOptions.variables))]
        } else if let file {
            for setting in TaskFile.ownSettings where file.tasks.count > 1 && flags.text(setting) != nil {
                throw Failure.usage(
                    "--\(setting.rawValue) goes with one task, and the file of --config has \(file.tasks.count): it belongs into the file")
            }
            var variables = TaskOptions.variables
            for setting in TaskFile.ownSettings { variables.entries[setting] = nil }
            tasks = file.tasks.map { ($0.name, flags.over($0.texts).over(variables)) }
        }
        return try tasks.map { name, texts in
            try AdapterName.check(name)
            do throws(TuningError) {
                return try TaskPlan(name, texts)
            } catch {
                throw Failure.usage("\(name): \(error)")
            }
        }
    }
}

/// Where a task's adapter goes.
private struct TunePlace {
    let folder: String
    /// The same for each way to write one place.
    let identity: String
    private let parent: String

    init(_ plan: TaskPlan, in adapters: String) throws {
        var folder = plan.out ?? "\(adapters)/\(plan.name)"
        while folder.count > 1, folder.hasSuffix("/") { folder.removeLast() }
        let url = URL(fileURLWithPath: folder)
        try AdapterName.check(url.lastPathComponent)
        self.folder = folder
        parent = url.deletingLastPathComponent().path
        identity = "\(PathCheck.resolved(parent) ?? url.deletingLastPathComponent().standardizedFileURL.path)/\(url.lastPathComponent)"
    }

    var hasCheckpoints: Bool { get throws(TuningError) { try !TaskCheckpoints.folder(of: folder).files().isEmpty } }

    var exists: Bool { FileManager.default.fileExists(atPath: folder) }

    func checkParent() throws(TuningError) {
        guard FileManager.default.fileExists(atPath: parent) else {
            throw TuningError(.invalidSetting, "no such folder; make it, or name another with --out", file: parent)
        }
    }
}
