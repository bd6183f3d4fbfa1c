import Adapters
import ArgumentParser
import Evaluation
import Foundation
import Gateway
import Generation
import Tuning

/// `lmoe eval`: scores the base and adapters on a file of examples.
struct Eval: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Score the base and adapters on a file of examples, side by side.",
        discussion: """
            EXAMPLES
              lmoe eval test.jsonl --adapter tickets
              lmoe eval geo.jsonl --adapter sql --sql-database geoquery.sqlite --limit 100
              lmoe eval gsm8k_test.jsonl --fields prompt=question,completion=answer
              lmoe eval test.jsonl --adapter a --adapter b --html report.html

            The file has the formats of lmoe tune --data. It should hold rows that no adapter was \
            tuned on. Base and adapters are scored on the same rows. Intervals are 95 %, by the \
            bootstrap; those of the differences from the base are paired: where one holds 0, the \
            difference may be chance. docs/evaluation.md defines the metrics:

              loss         loss of the answers' tokens, and perplexity
              exact        equal, but for white space at the ends
              squad-exact  equal after SQuAD's normalisation
              f1           words in common: SQuAD's F1
              rouge-l      longest common subsequence of words: ROUGE-L
              sql          the query gives the expected rows (--sql-database)
              number       the last number, or that behind ####, is the expected
              choice       the right one of `choices` is the most probable
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var places: Places

    /// Where adapters are, and how steps are computed.
    struct Places: SettingOptions {
        @Option(.adapters) var adapters: String?
        @Option(.precision) var precision: String?
        @Option(.adapterMemory) var adapterMemory: String?
        @Option(.keyValueMemory) var keyValueMemory: String?
        @Option(.keyValueCache) var keyValueCache: String?
        @Option(.speculation) var speculation: String?
    }

    @Option(name: .customLong("adapter"), help: ArgumentHelp("An adapter to score beside the base; may be given more than once.", valueName: "name"))
    var adapters: [String] = []
    @OptionGroup var rows: RowOptions
    @OptionGroup var scoring: ScoringOptions
    @Option(help: "Show so many of the worst and of the best answers of each adapter.") var examples = Variables.integer("examples") ?? 3
    @Option(
        name: .customLong("html"),
        help: ArgumentHelp("Write a page with a picture, the table and the answers to look at.", valueName: "file.html"))
    var givenHTML: String?
    var html: String? { givenHTML ?? Variables.text("html") }
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")
    @Argument(help: "The examples: JSON lines, a JSON array, CSV or a SQLite file.") var file: String

    func validate() throws {
        guard 0...1000 ~= examples else { throw ValidationError("--examples goes from 0 to 1000.") }
    }

    func run() throws {
        let names = try adapterNames()
        let file = try rows.read(file)
        let set = try usage { () throws(EvaluationError) in try EvaluationSet(file, limit: rows.limit, seed: scoring.seedBits) }
        let judge = try usage { () throws(EvaluationError) in
            try scoring.sqlDatabase.map { (path) throws(EvaluationError) in try QueryJudge(path) }
        }
        let metrics = try usage { () throws(EvaluationError) in
            let metrics = try scoring.metrics.map(Metric.list) ?? set.standardMetrics(hasDatabase: judge != nil)
            try set.check(metrics, hasDatabase: judge != nil)
            return metrics
        }
        let workspace = try Workspace(model, flags: places.flags)
        let base = try workspace.base()
        let library = try workspace.library(base: base.weights, isRouted: false)
        for name in names { try AdapterChoice(name).check(in: library) }
        var options = EncodingOptions()
        options.maximumTokens = base.decoder.configuration.contextLength
        options.systemMessage = rows.system
        let encoded = try EncodedCandidates(set, file.path, names, base, library, options, skipsRefused: rows.skipBroken)
        var run = ScoringRun(encoded, metrics: metrics, base: base, workspace: workspace, library: library)
        run.options = scoring.run
        let result = ScoreResult(
            try run.scores(judge), encoded, file: file, base: base.name, seed: scoring.seedBits, broken: file.brokenCount + encoded.refused)
        // First, so that a page that cannot be written loses no result.
        print(json ? result.json(examples: examples).serialized(pretty: true) : result.text(examples: examples))
        guard let html else { return }
        try write(ScorePage(result: result, examples: max(examples, 1)).html, to: html)
        if !json { print("\nThe page: \(html)") }
    }

    /// The named adapters, each once; the base is scored in any case.
    private func adapterNames() throws -> [String] {
        let given = adapters.isEmpty ? Variables.text("adapter")?.split(separator: ",").map(String.init) ?? [] : adapters
        var names: [String] = []
        for name in given where name != "base" && !names.contains(name) {
            guard case .named = try AdapterChoice(name) else {
                throw Failure.usage("--adapter: `\(name)` routes each request; name the adapters to score")
            }
            names.append(name)
        }
        return names
    }

    private func usage<Value>(_ body: () throws(EvaluationError) -> Value) throws -> Value {
        do throws(EvaluationError) {
            return try body()
        } catch {
            throw Failure.usage("\(error)")
        }
    }

    private func write(_ page: String, to path: String) throws {
        do {
            try Data(page.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw Failure(message: "\(path): the page cannot be written: \(error.localizedDescription)")
        }
    }
}
