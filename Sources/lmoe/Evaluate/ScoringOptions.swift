import ArgumentParser

/// By what rows are scored, and how answers are generated.
struct ScoringOptions: ParsableArguments {
    @Option(name: .customLong("metrics"), help: ArgumentHelp("What is scored, with commas. (default: by the data)", valueName: "names"))
    var givenMetrics: String?
    @Option(
        name: .customLong("sql-database"), help: ArgumentHelp("The SQLite file that queries are run on, for reading.", valueName: "file"))
    var givenDatabase: String?
    @Option(help: "Of the draw of rows, of the intervals, and of sampling.") var seed = Variables.integer("seed") ?? 0
    @Option(
        name: .customLong("max-tokens"),
        help: ArgumentHelp("Most tokens of an answer. (default: 1.5 times the longest expected one, 32 to 512)", valueName: "tokens"))
    var givenMaxTokens: Int?
    @Option(help: "0 takes the most probable token each time.") var temperature = Variables.number("temperature") ?? 0
    @Option(help: "End answers before this text; may be given more than once.") var stop: [String] = []

    var metrics: String? { givenMetrics ?? Variables.text("metrics") }
    var sqlDatabase: String? { givenDatabase ?? Variables.text("sql-database") }
    private var maxTokens: Int? { givenMaxTokens ?? Variables.integer("max-tokens") }
    var seedBits: UInt64 { UInt64(seed) }

    func validate() throws {
        guard 0...Int(Int32.max) ~= seed else { throw ValidationError("--seed goes from 0 to \(Int32.max).") }
        guard maxTokens.map({ 1...1_000_000 ~= $0 }) ?? true else { throw ValidationError("--max-tokens goes from 1 to 1000000.") }
        guard 0...2 ~= temperature else { throw ValidationError("--temperature goes from 0 to 2.") }
    }

    var run: ScoringRun.Options {
        ScoringRun.Options(maxTokens: maxTokens, temperature: temperature, stop: stop, seed: seedBits)
    }
}
