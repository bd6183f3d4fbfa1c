import ArgumentParser
import Foundation
import Files
import Gateway
import Generation
import JSON
import Routing

/// `lmoe route eval FILE.jsonl`: measures the router on texts whose right adapters are known.
struct RouteEval: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval",
        abstract: "Measure the router on your own texts: accuracy, confusions, calibration, a table of adapters.",
        discussion: """
            EXAMPLES
              lmoe route eval questions.jsonl
              lmoe route eval questions.jsonl --report report.html
              lmoe route eval questions.jsonl --json --require 0.95

            A line of the file is {"text": "how many rivers ...", "adapter": "sql"}; \
            null for the adapter says that the base should answer. Texts that are \
            among an adapter's examples say little; they are counted and told.
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var folders: FolderOptions
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")
    @Option(help: "Write a page with all figures and every wrong answer.") var report: String?
    @Option(help: "End with status 3 when fewer texts than this share (0...1) go where they should.") var require: Double?
    @Argument(help: "The texts, JSON lines.") var file: String

    func validate() throws {
        if let require, !(0...1).contains(require) { throw ValidationError("--require goes from 0 to 1.") }
    }

    func run() throws {
        let content: String
        do throws(FileError) {
            content = try RegularFile.text(file, limitBytes: 64 << 20)
        } catch {
            throw Failure.usage("\(error)")
        }
        let texts: [LabelledText]
        do {
            texts = try LabelledText.parse(content, place: file)
        } catch {
            throw Failure.usage("\(error)")
        }
        let workspace = try Workspace(model, flags: folders.flags)
        let library = try workspace.library(base: workspace.configuration.openBaseWeights())
        guard library.router != nil else { throw Failure.usage("routing needs an encoder: --encoder") }
        try check(texts, library)
        var bar = ProgressBar("routing \(texts.count) texts", total: texts.count)
        let outcomes = try texts.map { text in
            defer { bar.advance() }
            return RouteEvaluation.Outcome(text, try library.decide(RouteQuestion(.text(text.text), top: 3, caller: .operator)))
        }
        let finding = EvaluationFinding(evaluation: RouteEvaluation(outcomes), file: file, known: known(texts, library))
        if let report { try write(EvaluationPage(finding: finding).html, to: report) }
        print(json ? finding.json.serialized(pretty: true) : finding.text)
        if let report, !json { print("\nThe page with every wrong answer: \(report)") }
        if let require, (finding.evaluation.rightShare ?? 0) < require { throw ExitCode(ExitStatus.no.rawValue) }
    }

    /// Refuses names without a folder, which are misspelt most of the time.
    private func check(_ texts: [LabelledText], _ library: AdapterLibrary) throws {
        let shelf = library.shelf
        let routable = Set(library.router?.routableAdapters ?? [])
        for text in texts {
            guard let name = text.adapter, !routable.contains(name) else { continue }
            let place = "\(file):\(text.line): "
            if let entry = shelf.entries[name] {
                throw Failure.usage("\(place)the router cannot choose `\(name)`: \(entry.routingProblem ?? "it has no routing data")")
            }
            if let reason = library.store.status(name)?.refusal { throw Failure.usage("\(place)`\(name)` is not served: \(reason)") }
            throw Failure.usage(
                "\(place)there is no adapter `\(name)` in \(library.store.folder); \(NearNames.hint(name, among: routable))")
        }
    }

    /// How many texts are examples of the adapter that should answer them.
    private func known(_ texts: [LabelledText], _ library: AdapterLibrary) -> Int {
        let examples = library.shelf.entries.mapValues { Set($0.route?.examples ?? []) }
        return texts.count { text in text.adapter.map { examples[$0]?.contains(text.text) == true } ?? false }
    }

    private func write(_ page: String, to path: String) throws {
        do {
            try Data(page.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw Failure(message: "\(path): the page cannot be written: \(error.localizedDescription)")
        }
    }
}
