import ArgumentParser
import Foundation
import JSON
import MergeMethods
import Merging
import Models
import Tensors

/// `lmoe merge RECIPE OUT`
struct MergeModels: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models", abstract: "Merge models by a recipe (what `lmoe merge` does without a subcommand).",
        discussion: """
            EXAMPLES
              lmoe merge recipe.yaml merged/
              lmoe merge recipe.yaml merged/ --dry-run
              lmoe merge recipe.yaml merged/ --replace --shard-size 2G

            All is planned from headers first: what cannot be merged is told before any weight is read. Then tensors are merged one \
            after the other, in f32, in little memory. The result is written under a hidden name beside its place and gets its name at the \
            end. Ctrl-C, or a kill, loses nothing: the same command goes on with it.
            """)

    @Argument(help: "The recipe, a YAML file.") var recipe: String
    @Argument(help: "The folder to be made, or a .gguf file.") var output: String?
    @Flag(help: "Plan, print what would be done and what it needs, and end.") var dryRun = Variables.flag("dry-run")
    @Flag(help: "Replace a model that an earlier merge wrote.") var replace = Variables.flag("replace")
    @Flag(help: "Delete what an unfinished merge left, and begin anew.") var restart = Variables.flag("restart")
    @Option(help: ArgumentHelp("Bytes of a shard, such as 5B (5 billion), 500M or 2G.", valueName: "bytes")) var shardSize = "5B"
    @Option(help: ArgumentHelp("Of the matrices of a .gguf file: \(DType.allCases.filter(\.isEncodable).map(\.name).joined(separator: ", ")). (default: as the recipe says)", valueName: "name"))
    var type: String?
    @Option(help: "Of methods that choose at random.") var seed = Variables.integer("seed") ?? 0
    @Option(help: "Threads that compute; 0 takes one for each CPU that this process may use.") var threads: String?
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")

    func validate() throws {
        guard dryRun || output != nil else { throw ValidationError("Give the folder that is to be made, or --dry-run.") }
        if let type {
            guard DType(rawValue: type)?.isEncodable == true else {
                throw ValidationError("--type \(type) is not written; \(DType.allCases.filter(\.isEncodable).map(\.name).joined(separator: ", ")) are.")
            }
            guard output?.hasSuffix(".gguf") == true else { throw ValidationError("--type goes with a .gguf file; a folder's type is the recipe's `out_dtype`.") }
        }
        guard seed >= 0 else { throw ValidationError("--seed is 0 or more.") }
        _ = try MergeSize.bytes(shardSize)
    }

    func run() throws {
        let recipe = try MergeRecipe.read(recipe)
        let places = MergePlaces()
        let plan = try MergePlan(recipe) { model throws(MergeError) in try places.open(model) }
        let report = MergeReport(plan, output: output)
        if !json { for warning in plan.warnings { Terminal.say("lmoe: \(recipe.file), \(warning)") } }
        let pool = try Workspace.configuration(flags: threads.map { [.threads: $0] } ?? [:], file: nil).startPool()
        if dryRun {
            let trial = try plan.trial(pool: pool)
            return print(json ? report.document(trial).serialized(pretty: true) : report.text(trial))
        }
        guard let output else { return }
        var options = MergeOptions()
        options.replaces = replace
        options.restarts = restart
        options.shardBytes = try MergeSize.bytes(shardSize)
        options.seed = UInt64(seed)
        options.ggufType = type.flatMap(DType.init)
        let start = ContinuousClock.now
        let run = try MergeRun(plan, to: output, options: options)
        if run.resumedBytes > 0 { Terminal.say("lmoe: going on with an unfinished merge: \(Figure.bytes(run.resumedBytes)) of \(Figure.bytes(plan.byteCount)) are written") }
        let interruption = Interruption()
        let watch = InterruptWatch(interruption, saying: "the merge stops, and the same command goes on with it; a second Ctrl-C ends it at once")
        defer { watch.stop() }
        var bar = ProgressBar("merging", total: plan.byteCount)
        try run.run(pool: pool, progress: { bar.advance(to: $0) }, isInterrupted: { interruption.isSet })
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        print(json ? report.document(written: output, bytes: run.byteCount, seconds: seconds).serialized(pretty: true) : report.text(written: output, bytes: run.byteCount, seconds: seconds))
    }
}
