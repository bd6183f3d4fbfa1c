import ArgumentParser
import Foundation
import Gateway
import Generation
import JSON
import Routing

/// `lmoe route benchmark`: measures the router on a data set of intents, each of which counts as one adapter.
struct RouteBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmark",
        abstract: "Measure the router on a data set of intents: accuracy, out-of-scope recall, calibration, robustness, speed.",
        discussion: """
            EXAMPLES
              lmoe route benchmark clinc150.json
              lmoe route benchmark --json clinc150.json

            The file holds lists of [text, intent] named train, test and, if there \
            is one, oos_test. Every intent of train is taken for one adapter with \
            its examples; nothing is chosen by the test split.
            """)

    @OptionGroup var model: ModelOptions
    @Option(help: Setting.firstEncoder.help) var firstEncoder: String?
    @Option(help: "Draws of 5 examples an adapter.") var seeds = 5
    @Option(help: "Measure over this many made adapters of 100 examples instead; 10,000 take 6 GB of disk and minutes.") var scale: Int?
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")
    @Argument(help: "The data set.") var file: String

    func validate() throws {
        if let scale, !(2...100_000).contains(scale) { throw ValidationError("--scale goes from 2 to 100000.") }
        guard (0...100).contains(seeds) else { throw ValidationError("--seeds goes from 0 to 100.") }
    }

    func run() throws {
        let data = try IntentDataset(path: file)
        var flags: [Setting: String] = [:]
        flags[.firstEncoder] = firstEncoder
        let workspace = try Workspace(model, flags: flags)
        guard let encoder = try workspace.encoder.open() else { throw Failure.usage("routing needs an encoder: --encoder") }
        if let scale { return try measure(data, encoder, scale) }
        var measure = IntentMeasure(data: data, embedder: RememberedEmbedder(encoder))
        measure.first = try workspace.configuration.openFirstEmbedder(workspace.pool).map(RememberedEmbedder.init)
        Terminal.progress("embedding \(data.train.count) examples of \(data.intents.count) adapters")
        let router = try measure.router()
        Terminal.progress("deciding \(data.test.count) texts in scope, \(data.outOfScope.count) out of it")
        let quality = try measure.quality(router)
        var report: JSONObject = [
            "adapters": .integer(Int64(data.intents.count)), "examples": .integer(Int64(data.train.count)), "encoder": .string(encoder.name),
            "accuracy": .number(quality.accuracy), "top3_accuracy": .number(quality.topThree),
            "out_of_scope_recall": quality.outOfScopeRecall.map(JSONValue.number) ?? .null,
            "expected_calibration_error": .number(quality.calibrationError),
            "expected_calibration_error_all": .number(quality.calibrationErrorOfAll),
            "matched": .number(quality.matched), "mismatched": .number(quality.mismatched), "fell_back": .number(quality.fellBack),
            "out_of_scope_fell_back": quality.outOfScopeFellBack.map(JSONValue.number) ?? .null,
        ]
        if measure.first != nil { report["decided_first"] = .number(try measure.decidedFirst(router)) }
        if seeds > 0 {
            Terminal.progress("5 examples an adapter, \(seeds) draws")
            let few = try (0..<seeds).map { try measure.quality(try measure.router(perAdapter: 5, seed: UInt64($0))).accuracy }
            report["few_shot_accuracy"] = .number(few.reduce(0, +) / Double(few.count))
        }
        var same: [Double] = []
        for perturbation in Perturbation.allCases {
            Terminal.progress("perturbing: \(perturbation.rawValue)")
            same.append(try measure.robustness(router, perturbation))
            report["same_after_\(perturbation.rawValue)"] = .number(same[same.count - 1])
        }
        report["robustness"] = .number(same.reduce(0, +) / Double(same.count))
        let times = try IntentTimes(data: data, encoder: encoder, measure: measure).times()
        report["add_adapter_ms"] = .number(times.addMilliseconds)
        report["decision_us"] = .number(times.decisionMicroseconds)
        report["route_us"] = .number(times.routeMicroseconds)
        show(report)
    }

    private func measure(_ data: IntentDataset, _ encoder: any TextEmbedder, _ scale: Int) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lmoe-scale-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let figures = try ScaleMeasure(data: data, embedder: encoder, adapters: scale, cache: folder.path).figures()
        show([
            "adapters": .integer(Int64(scale)), "index_s": .number(figures.indexSeconds), "start_from_cache_s": .number(figures.startSeconds),
            "decision_us": .number(figures.decisionMicroseconds), "accuracy": .number(figures.accuracy), "add_adapter_s": .number(figures.addSeconds),
            "start_bytes": .integer(Int64(figures.startBytes)), "learning_bytes": .integer(Int64(figures.learningBytes)),
        ])
    }

    private func show(_ report: JSONObject) {
        if json {
            print(JSONValue.object(report).serialized(pretty: true))
        } else {
            var table = Table(["measure", "value"], leansRight: [1])
            for (key, value) in report { table.add(key, value.doubleValue.map(Self.shown) ?? value.stringValue ?? "-") }
            print(table.text)
        }
    }

    private static func shown(_ value: Double) -> String {
        value == value.rounded() && abs(value) >= 1 ? String(Int(value)) : String(format: "%.4f", value)
    }
}
