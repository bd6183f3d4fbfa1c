import Adapters
import ArgumentParser
import Foundation
import Gateway
import Generation
import JSON
import MergeMethods
import Merging
import Models

/// `lmoe merge-adapters`: several LoRAs as one.
struct MergeAdapters: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge-adapters", abstract: "Make one LoRA of several.",
        discussion: """
            EXAMPLES
              lmoe merge-adapters both --adapter sql --adapter bash
              lmoe merge-adapters both --adapter sql=0.7 --adapter bash=0.3 \\
                --method svd --rank 16
              lmoe merge-adapters both --adapter sql --adapter bash \\
                --method ties --density 0.3 --energy 0.9
              lmoe merge-adapters both --adapter sql --adapter bash \\
                --method linear --compat peft

            `cat`, the default, is the exact weighted sum; the rank is the sum of the ranks. `linear`, `svd` and `task_arithmetic` are the same \
            sum in fewer ranks, and say what is lost. `ties`, `dare_linear`, `dare_ties` and `magnitude_prune` keep a part of the \
            elements of the whole changes, which is then decomposed. With `--compat` the rules are those of another program: `peft` \
            (add_weighted_adapter; methods that end in _svd merge whole changes), `lorax` (merged_adapters), `mergekit` or `paper`. \
            Any adapter that is served as a LoRA can be merged, whatever its rank and family; others are refused with the way out. \
            The result has the routing examples of all parts, was loaded before it gets its name, and replaces nothing unless --replace is given.
            """)

    @OptionGroup var model: ModelOptions
    @Option(.adapters) var adapters: String?
    @Option(.routes) var routes: String?
    @Option(
        name: .customLong("adapter"),
        help: ArgumentHelp("An adapter's name or folder, with its weight after `=` (1 if there is none); may be given more than once.", valueName: "name=weight"))
    var adapterTexts: [String] = []
    @Option(help: ArgumentHelp("\(LoRAMergeMethod.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "name"))
    var method = LoRAMergeMethod.cat
    @Option(help: ArgumentHelp("Whose rules: \(LoRAMergeRules.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "name"))
    var compat = LoRAMergeRules.delta
    @Option(help: ArgumentHelp("Of every module of the result. (default: the greatest of the parts)", valueName: "count")) var rank: Int?
    @Option(help: ArgumentHelp("In place of a rank: the share of each change that is kept, in 0 < share <= 1.", valueName: "share")) var energy: Double?
    @Option(help: ArgumentHelp("The share of the elements that ties, dare and magnitude_prune keep.", valueName: "share")) var density: Double?
    @Option(
        name: .customLong("majority-sign"), help: ArgumentHelp("Whose sign wins: total (of the sum) or frequency (of most).", valueName: "name"))
    var majoritySign = AdapterMerge.MajoritySign.total
    @Option(help: ArgumentHelp("A factor of the whole result.", valueName: "factor")) var lambda = 1.0
    @Option(help: ArgumentHelp("Of random choices.", valueName: "number")) var seed: UInt64 = 0
    @OptionGroup var place: AdapterPlaceOptions
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")
    @Argument(help: "The new adapter's name.") var name: String

    func validate() throws {
        guard !adapterTexts.isEmpty else { throw ValidationError("Name the adapters: --adapter sql --adapter bash=0.5.") }
        guard rank == nil || energy == nil else { throw ValidationError("--rank and --energy say the same; give one of them.") }
    }

    func run() throws {
        let places = [Setting.adapters: adapters, .routes: routes].compactMapValues(\.self)
        let workspace = try Workspace(model, flags: places)
        let base = try workspace.configuration.openBaseWeights()
        let parts = try parts(workspace)
        let merge = LoRAMerge(
            parts, method: method, rules: compat, size: rank.map(LoRASize.rank) ?? energy.map(LoRASize.energy), density: density,
            majoritySign: majoritySign, lambda: lambda, seed: seed)
        let folder = place.folder(name, in: workspace.configuration.adapters)
        try place.check(folder)
        var bar = ProgressBar("merging", total: 1)
        var total = 1
        let merged = try merge.result(for: base) { done, count in
            if count != total { (bar, total) = (ProgressBar("merging", total: count), count) }
            bar.advance(to: done)
        }
        let route = AdapterRoute.joined(parts.map { self.route($0, workspace) })
        let isRouted = !route.description.isEmpty || !route.examples.isEmpty
        let bytes = try merge.write(merged, to: folder, replaces: place.replace, base: base, route: isRouted ? route : nil)
        let finding = MergedFinding(merged, folder: folder, byteCount: bytes)
        var document = finding.json
        document["method"] = .string(method.rawValue)
        document["compat"] = .string(compat.rawValue)
        document["parts"] = .array(parts.map { ["adapter": .string($0.name), "weight": .number($0.weight)] })
        document["examples"] = .integer(Int64(isRouted ? route.examples.count : 0))
        print(json ? JSONValue.object(document).serialized(pretty: true) : finding.text)
    }

    private func parts(_ workspace: Workspace) throws -> [LoRAMerge.Part] {
        let folders = AdapterFolders(workspace)
        return try adapterTexts.map { text in
            let (name, weight) = try Self.weighted(text)
            let found = try folders.find(name)
            return LoRAMerge.Part(name: found.name, folder: found.folder, weight: weight)
        }
    }

    /// `sql=0.5`; without a number the weight is 1.
    static func weighted(_ text: String) throws -> (name: String, weight: Double) {
        guard let sign = text.lastIndex(of: "=") else { return (text, 1) }
        let (name, number) = (String(text[..<sign]), String(text[text.index(after: sign)...]))
        guard let weight = Double(number), weight.isFinite, !name.isEmpty else {
            throw Failure.usage("--adapter \(text): expected a name and a weight, such as sql=0.5")
        }
        return (name, weight)
    }

    /// What the router knows of a part; nothing where that cannot be read, which is told.
    private func route(_ part: LoRAMerge.Part, _ workspace: Workspace) -> AdapterRoute {
        let finding = RouteFinding(adapter: part.name, folder: part.folder, files: workspace.configuration.routeFiles)
        if finding.definition == nil, let problem = finding.problem { Terminal.say("lmoe: \(part.name): \(problem)") }
        return AdapterRoute(description: finding.definition?.description ?? "", examples: finding.definition?.examples ?? [])
    }
}

extension LoRAMergeMethod: ExpressibleByArgument {}
extension LoRAMergeRules: ExpressibleByArgument {}
extension AdapterMerge.MajoritySign: ExpressibleByArgument {}
