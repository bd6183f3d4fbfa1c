import Adapters
import ArgumentParser
import Gateway
import JSON
import Models

/// `lmoe adapters add`: copies a folder whole, then renames it into place.
struct AdaptersAdd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Check a folder and copy it into the adapters folder.",
        discussion: """
            EXAMPLES
              lmoe adapters add ~/Downloads/sql-lora
              lmoe adapters add ~/Downloads/sql-lora --name sql
              lmoe adapters add ~/Downloads/sql-lora.gguf

            A running service sees the adapter when all of it is there. Adapters there that do nearly the same are named.
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var folders: FolderOptions
    @Option(name: .customLong("name"), help: "The adapter's name; the folder's or file's own by default.") var givenName: String?
    var name: String? { givenName ?? Variables.text("name") }
    @Flag(help: "Don't look for adapters that do nearly the same.") var noCompare = Variables.flag("no-compare")
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")
    @Argument(help: "The adapter's folder, or a LoRA file of llama.cpp.") var source: String

    func run() throws {
        if let name { try AdapterName.check(name) }
        let workspace = try Workspace(model, flags: folders.flags)
        let base = try workspace.configuration.openBaseWeights()
        let store = workspace.configuration.openStore(for: base)
        _ = store.rescan()
        let added = try store.add(from: source, name: name)
        let likenesses = noCompare ? [] : likenesses(of: "\(store.folder)/\(added)", in: store, workspace, base)
        if json {
            let document: JSONValue = [
                "name": .string(added), "folder": .string("\(store.folder)/\(added)"),
                "similar_weights": .array(likenesses.map(InspectionFinding.json)),
            ]
            print(document.serialized(pretty: true))
        } else {
            print("added \(added) to \(store.folder)")
            for other in likenesses { print(InspectionFinding.line(other)) }
        }
    }

    private func likenesses(
        of folder: String, in store: AdapterStore, _ workspace: Workspace, _ base: BaseWeights
    ) -> [AdapterLikeness] {
        let inspection = AdapterInspection.inspect(
            folder: folder, base: base.configuration, weights: base, limits: workspace.configuration.limits.adapters)
        return store.likenesses(to: inspection, weights: base)
    }
}
