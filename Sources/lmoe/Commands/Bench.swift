import Adapters
import ArgumentParser
import Foundation
import Gateway
import JSON
import Models
import Tensors

/// `lmoe bench`: what this machine does with this model.
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure prefill, decode, mixed adapters, routing and memory.",
        discussion: """
            EXAMPLES
              lmoe bench
              lmoe bench --rows 1,8 --tokens 64 --repeat 5 --json

            Each figure is the best of --repeat runs. The roofline share compares the bytes that a decode step must read
            with what the machine's memory gives, which is measured first.
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var folders: FolderOptions
    @Option(help: "Prompt lengths of the prefill runs, with commas.") var prompt = Variables.text("prompt") ?? "128,512"
    @Option(help: "Sequences that decode together, with commas.") var rows = Variables.text("rows") ?? "1,2,4,8"
    @Option(help: "Tokens that each sequence decodes in a run.") var tokens = Variables.integer("tokens") ?? 32
    @Option(help: "Runs of each measurement; the best one counts.") var `repeat` = Variables.integer("repeat") ?? 3
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")

    func validate() throws {
        _ = try Bench.counts(prompt, "--prompt", most: 100_000)
        _ = try Bench.counts(rows, "--rows", most: 256)
        guard (1...10_000).contains(tokens) else { throw ValidationError("--tokens goes from 1 to 10000.") }
        guard (1...1000).contains(`repeat`) else { throw ValidationError("--repeat goes from 1 to 1000.") }
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

    func run() throws {
        let workspace = try Workspace(model, flags: folders.flags)
        let base = try workspace.base()
        let library = try workspace.library(base: base.decoder.configuration)
        let adapters = library.shelf.names.compactMap { name in try? library.store.acquire(name) }
        let measure = StepMeasure(decoder: base.decoder, tokens: tokens, repeats: `repeat`)
        let prefill = try prefill(measure, adapters)
        let decode = try decode(measure, adapters)
        Terminal.progress("routing")
        let routing = try library.router.map { try RoutingMeasure($0, repeats: `repeat`) }
        let memory = Machine.memory
        Terminal.progress("memory")
        let report = BenchReport(
            machine: Machine(pool: workspace.pool), memory: memory, base: base, adapters: adapters, tokens: tokens,
            prefill: prefill, decode: decode, routing: routing)
        print(json ? report.json.serialized(pretty: true) : report.text)
    }

    /// The base, and one adapter.
    private func prefill(
        _ measure: StepMeasure, _ adapters: [PinnedAdapter]
    ) throws -> [(length: Int, label: String, seconds: Double)] {
        var rows: [(length: Int, label: String, seconds: Double)] = []
        let contextLength = measure.decoder.configuration.contextLength
        for length in try Bench.counts(prompt, "--prompt", most: 100_000) where length <= contextLength {
            Terminal.progress("prefill \(length)")
            rows.append((length, "base", measure.prefill(length, delta: nil)))
            if let first = adapters.first { rows.append((length, first.name, measure.prefill(length, delta: first.delta))) }
        }
        return rows
    }

    /// The base, the same adapter in all rows, and as many different ones as there are.
    private func decode(_ measure: StepMeasure, _ adapters: [PinnedAdapter]) throws -> [BenchReport.Decode] {
        var results: [BenchReport.Decode] = []
        for count in try Bench.counts(rows, "--rows", most: 256) {
            Terminal.progress("decode \(count) rows")
            var choices: [[PinnedAdapter]] = [[]]
            if !adapters.isEmpty { choices.append(Array(adapters.prefix(1))) }
            if count > 1, adapters.count > 1 { choices.append(Array(adapters.prefix(count))) }
            for choice in choices {
                let seconds = measure.decode(count, deltas: choice.map(\.delta))
                results.append(BenchReport.Decode(rows: count, adapters: choice, seconds: seconds))
            }
        }
        return results
    }
}
