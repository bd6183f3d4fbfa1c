import Adapters
import ArgumentParser
import Gateway
import Hub
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
              lmoe adapters add hf:acme/sql-lora@v2 --name sql

            A running service sees the adapter when all of it is there. Adapters there that do nearly the same are named. One of a \
            hub is fetched into its cache first, as with `lmoe pull`.
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var folders: FolderOptions
    @Option(name: .customLong("name"), help: "The adapter's name; the folder's, the file's or the repository's own by default.")
    var givenName: String?
    var name: String? { givenName ?? Variables.text("name") }
    @Flag(help: "Don't look for adapters that do nearly the same.") var noCompare = Variables.flag("no-compare")
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")
    @Argument(help: "The adapter's folder, a LoRA file of llama.cpp, or hf:ORG/NAME[@REV][:FILE].") var source: String

    func run() throws {
        if let name { try AdapterName.check(name) }
        let workspace = try Workspace(model, flags: folders.flags)
        let base = try workspace.configuration.openBaseWeights()
        let store = workspace.configuration.openStore(for: base)
        _ = store.rescan()
        let fetched = try HubReference.isReference(source) ? fetch() : nil
        let added = try add(to: store, fetched, workspace.configuration.base)
        let likenesses = noCompare ? [] : likenesses(of: "\(store.folder)/\(added)", in: store, workspace, base)
        if json {
            var document: JSONObject = [
                "name": .string(added), "folder": .string("\(store.folder)/\(added)"),
                "similar_weights": .array(likenesses.map(InspectionFinding.json)),
            ]
            if let fetched {
                document["source"] = .string(fetched.reference.description)
                document["commit"] = .string(fetched.commit)
                document["license"] = fetched.card.license.map(JSONValue.string) ?? .null
                document["base_model"] = .array(fetched.card.baseModels.map(JSONValue.string))
            }
            print(JSONValue.object(document).serialized(pretty: true))
        } else {
            print("added \(added) to \(store.folder)")
            if let fetched { print("licence: \(fetched.card.license ?? "the model card names none"); commit \(fetched.commit)") }
            for other in likenesses { print(InspectionFinding.line(other)) }
        }
    }

    /// The repository's name has to name an adapter, before anything is fetched.
    private func fetch() throws -> HubSnapshot {
        let reference = try HubReference(source)
        guard name != nil || AdapterName.isValid(reference.repository.name) else {
            throw Failure.usage("`\(reference.repository.name)` cannot name an adapter; give one with --name")
        }
        return try HubAccess().pull(reference, FileWish(isAdapter: true))
    }

    private func add(to store: AdapterStore, _ fetched: HubSnapshot?, _ base: String) throws -> String {
        guard let fetched else { return try store.add(from: source, name: name) }
        let bases = fetched.card.baseModels.joined(separator: ", ")
        let own = HubRepository(cachedAt: base)
        do throws(AdapterError) {
            let added = try store.add(
                from: fetched.path, name: name ?? fetched.reference.repository.name, files: Set(fetched.files.map(\.name)))
            if let own, !bases.isEmpty, !fetched.card.baseModels.contains(where: { $0.lowercased() == own.id.lowercased() }) {
                Terminal.say("lmoe: it was made for \(bases) and fits \(own), which is the base here; its answers may be worse than there")
            }
            return added
        } catch {
            guard !bases.isEmpty, error.code != .exists else { throw error }
            var error = error
            error.message += "; it was made for \(bases), and the base here is \(own?.id ?? base)"
            throw error
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
