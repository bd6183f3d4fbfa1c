import Adapters
import ArgumentParser
import Gateway
import JSON

/// `lmoe adapters add`: copies a folder whole, then renames it into place.
struct AdaptersAdd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Check a folder and copy it into the adapters folder.",
        discussion: """
            EXAMPLES
              lmoe adapters add ~/Downloads/sql-lora
              lmoe adapters add ~/Downloads/sql-lora --name sql

            A running service sees the adapter when all of it is there.
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var folders: FolderOptions
    @Option(help: "The adapter's name; the folder's own by default.") var name: String? = Variables.text("name")
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")
    @Argument(help: "The adapter's folder.") var source: String

    func run() throws {
        if let name { try AdapterName.check(name) }
        let workspace = try Workspace(model, flags: folders.flags)
        let store = workspace.configuration.openStore(for: try workspace.configuration.openBaseWeights())
        _ = store.rescan()
        let added = try store.add(from: source, name: name)
        if json {
            let document: JSONValue = ["name": .string(added), "folder": .string("\(store.folder)/\(added)")]
            print(document.serialized(pretty: true))
        } else {
            print("added \(added) to \(store.folder)")
        }
    }
}
