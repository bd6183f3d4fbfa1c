import Adapters
import ArgumentParser
import Gateway
import JSON

/// `lmoe adapters remove`: deletes a folder of the adapters folder.
struct AdaptersRemove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Delete an adapter from the adapters folder.",
        discussion: """
            EXAMPLES
              lmoe adapters remove sql

            Requests that a running service answers with it finish.
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var folders: FolderOptions
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")
    @Argument(help: "The adapter's name.") var name: String

    func run() throws {
        try AdapterName.check(name)
        let workspace = try Workspace(model, flags: folders.flags)
        let store = workspace.configuration.openStore(for: try workspace.configuration.openBaseWeights())
        _ = store.rescan()
        try store.remove(name)
        if json {
            let document: JSONValue = ["name": .string(name), "removed": true]
            print(document.serialized(pretty: true))
        } else {
            print("removed \(name) from \(store.folder)")
        }
    }
}
