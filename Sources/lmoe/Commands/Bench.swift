import Adapters
import ArgumentParser
import Foundation
import Gateway
import Models

/// `lmoe bench`: what this machine does with this model.
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure prefill, decode, mixed adapters, first tokens, routing, HTTP, constrained answers and memory.",
        discussion: """
            EXAMPLES
              lmoe bench
              lmoe bench --quick
              lmoe bench --only decode --rows 1,8,32 --ranks 16 --repeat 9 --json
              lmoe bench --only decode --with bash,sql
              lmoe bench --only decode --context 8192 --rows 1,8 --ranks 16
              lmoe bench --only decode --rows 8 --profile
              lmoe bench --only tuning-beside-serving --tuning-share 0.2

            Adapters are made in memory, on all projections of every layer: LoRAs, and MixLoRAs of 8 experts of which a token \
            has 2; --with takes those of the adapters folder instead. Figures are medians of --repeat runs in which the cases \
            take turns. Each step is compared with the most that this machine gives (memory, int8 and f32 products), which is \
            measured first. About two minutes.
            """)

    enum Section: String, CaseIterable {
        case prefill, decode, tuning
        case tuningBesideServing = "tuning-beside-serving"
        case latency, http, routing, grammar, memory
    }

    @OptionGroup var model: ModelOptions
    @OptionGroup var folders: FolderOptions
    @OptionGroup var sharing: SharingOptions
    @Option(name: .customLong("only"), help: "Sections, with commas: \(Section.allCases.map(\.rawValue).joined(separator: ", ")).")
    var givenOnly: String?
    var only: String? { givenOnly ?? Variables.text("only") }
    @Flag(help: "Fewer cases and runs: a look, not a figure to keep.") var quick = Variables.flag("quick")
    @Option(name: .customLong("prompt"), help: "Prompt lengths of the prefill runs, with commas. (default: 128,512,2048)")
    var givenPrompt: String?
    var prompt: String? { givenPrompt ?? Variables.text("prompt") }
    @Option(name: .customLong("rows"), help: "Sequences that decode together, with commas. (default: 1,2,4,8,16,32)")
    var givenRows: String?
    var rows: String? { givenRows ?? Variables.text("rows") }
    @Option(name: .customLong("ranks"), help: "Ranks of the made adapters, with commas. (default: 8,16,64)") var givenRanks: String?
    var ranks: String? { givenRanks ?? Variables.text("ranks") }
    @Option(name: .customLong("mixtures"), help: "Ranks of the made MixLoRAs, with commas. (default: 16; none where --ranks is given)")
    var givenMixtures: String?
    var mixtures: String? { givenMixtures ?? Variables.text("mixtures") }
    @Option(name: .customLong("with"), help: "Adapters of the folder to measure instead of made ones, with commas.")
    var givenWith: String?
    var with: String? { givenWith ?? Variables.text("with") }
    @Option(name: .customLong("tokens"), help: "Tokens that each sequence decodes in a run. (default: 32)") var givenTokens: Int?
    var tokens: Int? { givenTokens ?? Variables.integer("tokens") }
    @Option(name: .customLong("context"), help: "Tokens that each sequence has before it decodes, with commas. (default: 128)")
    var givenContext: String?
    var context: String? { givenContext ?? Variables.text("context") }
    @Flag(help: "Show where the time of steps goes, phase by phase.") var profile = Variables.flag("profile")
    @Option(name: .customLong("repeat"), help: "Runs of each case; the median counts. (default: 3)") var givenRepeat: Int?
    var `repeat`: Int? { givenRepeat ?? Variables.integer("repeat") }
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")

    func validate() throws { _ = try plan() }

    /// The options with their defaults, checked.
    private func plan() throws -> BenchPlan {
        var plan = quick ? BenchPlan.quick : BenchPlan()
        if let prompt { plan.prompts = try Bench.counts(prompt, "--prompt", most: 100_000) }
        if let rows { plan.rows = try Bench.counts(rows, "--rows", most: 256) }
        if let ranks { (plan.ranks, plan.mixtures) = (try Bench.counts(ranks, "--ranks", most: 1024), []) }
        if let mixtures { plan.mixtures = try Bench.counts(mixtures, "--mixtures", most: 1024) }
        if let context { plan.contexts = try Bench.counts(context, "--context", most: 1_000_000) }
        plan.profiles = profile
        if let tokens { plan.tokens = tokens }
        if let `repeat` { plan.repeats = `repeat` }
        guard (1...10_000).contains(plan.tokens) else { throw ValidationError("--tokens goes from 1 to 10000.") }
        guard (1...1000).contains(plan.repeats) else { throw ValidationError("--repeat goes from 1 to 1000.") }
        if let with { plan.names = with.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) } }
        for name in plan.names { try AdapterName.check(name) }
        if let only {
            plan.sections = try Set(
                only.split(separator: ",", omittingEmptySubsequences: false).map { word in
                    guard let section = Section(rawValue: word.trimmingCharacters(in: .whitespaces)) else {
                        throw ValidationError("--only takes \(Section.allCases.map(\.rawValue).joined(separator: ", ")), with commas.")
                    }
                    return section
                })
        }
        return plan
    }

    private static func counts(_ text: String, _ flag: String, most: Int) throws -> [Int] {
        let counts = text.split(separator: ",", omittingEmptySubsequences: false).map {
            Int($0.trimmingCharacters(in: .whitespaces)) ?? 0
        }
        guard !counts.isEmpty, counts.allSatisfy({ (1...most).contains($0) }) else {
            throw ValidationError("\(flag) takes whole numbers from 1 to \(most), with commas.")
        }
        return counts
    }

    func run() async throws {
        let workspace = try Workspace(model, flags: folders.flags.merging(sharing.flags) { _, more in more })
        let report = try await BenchRun(plan: try plan(), workspace: workspace).report()
        print(json ? report.json.serialized(pretty: true) : report.text)
    }
}
