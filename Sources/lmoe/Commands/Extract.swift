import ArgumentParser
import Gateway
import JSON
import MergeMethods
import Merging
import Models

/// `lmoe extract`: a LoRA out of a model and its base.
struct Extract: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take a LoRA out of a tuned model and its base.",
        discussion: """
            EXAMPLES
              lmoe extract models/base.gguf ~/tuned.gguf tuned --rank 32
              lmoe extract ~/base-model ~/tuned-model tuned --energy 0.95
              lmoe extract ~/base ~/tuned tuned --rank 16 --no-vocabulary --json

            Both are GGUF files or Hugging Face folders, or one of each. Of each linear map the difference is decomposed, one at a time, and \
            the scale goes to A and B alike. Norms, embedding and head that differ become modules of the adapter's own \
            (modules_to_save); what an adapter cannot carry is named. The table says what is lost of each kind of module. At \
            the full rank the base with the adapter is the tuned model.
            """)

    @Option(.adapters) var adapters: String?
    @Option(help: ArgumentHelp("Of every module of the result. (default: 64)", valueName: "count")) var rank: Int?
    @Option(help: ArgumentHelp("In place of a rank: the share of each difference that is kept, in 0 < share <= 1.", valueName: "share"))
    var energy: Double?
    @Flag(help: "Leave embedding and head out where they differ: they are as large as the base's.") var noVocabulary = false
    @Option(help: ArgumentHelp("Of random vectors.", valueName: "number")) var seed: UInt64 = 0
    @OptionGroup var place: AdapterPlaceOptions
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")
    @Argument(help: "The base: a .gguf file, a folder or a name of the hub.") var base: String
    @Argument(help: "The tuned model.") var tuned: String
    @Argument(help: "The new adapter's name.") var name: String

    private static let usualRank = 64

    func validate() throws {
        guard rank == nil || energy == nil else { throw ValidationError("--rank and --energy say the same; give one of them.") }
    }

    func run() throws {
        let configuration = try Workspace.configuration(flags: adapters.map { [.adapters: $0] } ?? [:], file: nil)
        let folder = place.folder(name, in: configuration.adapters)
        try place.check(folder)
        let (one, other) = (try ModelFiles.open(try HubAccess.path(base)), try ModelFiles.open(try HubAccess.path(tuned)))
        let extraction = LoRAExtraction(
            size: energy.map(LoRASize.energy) ?? .rank(rank ?? Self.usualRank), seed: seed, leavesVocabulary: noVocabulary)
        var bar = ProgressBar("extracting", total: 1)
        var total = 1
        let merged = try extraction.result(from: one, to: other) { done, count in
            if count != total { (bar, total) = (ProgressBar("extracting", total: count), count) }
            bar.advance(to: done)
        }
        let bytes = try extraction.write(merged, from: one, to: other, in: folder, replaces: place.replace)
        let finding = MergedFinding(merged, folder: folder, byteCount: bytes)
        print(json ? JSONValue.object(finding.json).serialized(pretty: true) : finding.text)
    }
}
