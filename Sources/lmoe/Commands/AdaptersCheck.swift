import Adapters
import ArgumentParser
import Foundation
import Gateway
import Models
import Routing

/// `lmoe adapters check`: would this folder load, what would it change, and is it new?
struct AdaptersCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Load a folder against the base and say what it would do.",
        discussion: """
            EXAMPLES
              lmoe adapters check adapters/bash
              lmoe adapters check --json ~/Downloads/sql-lora
              lmoe adapters check --prompt "how many rivers are in texas" adapters/sql
              lmoe adapters check --no-model --no-compare ~/Downloads/sql-lora

            Says which tensors it does not use and which targets it does not find; how large its change of each projection is, \
            against the base's weights; how the model's answer to a prompt changes; and which adapters of the adapters folder do \
            nearly the same. Ends with status 3 when the folder has problems or would change nothing.
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var folders: FolderOptions
    @Option(help: "The prompt on which the change is measured, at most 256 tokens.")
    var prompt: String = Variables.text("prompt") ?? LogitChange.usualPrompt
    @Flag(help: "Don't run the model: headers, shapes and norms only.") var noModel = Variables.flag("no-model")
    @Flag(help: "Don't read the adapters folder for adapters that do nearly the same.") var noCompare = Variables.flag("no-compare")
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")
    @Argument(help: "The adapter's folder.") var folder: String

    func run() throws {
        let workspace = try Workspace(model, flags: folders.flags)
        guard isFolder(folder) else {
            let hint = folder.lowercased().hasSuffix(".gguf") ? "; a GGUF file needs a folder of its own" : ""
            throw Failure(message: "\(folder): there is no such folder\(hint)")
        }
        let base = try workspace.configuration.openBaseWeights()
        let inspection = AdapterInspection.inspect(
            folder: folder, base: base.configuration, weights: base, element: workspace.configuration.adapterElement,
            limits: workspace.configuration.limits.adapters, check: workspace.configuration.openPromptCheck().check)
        let name = name(in: workspace.configuration.adapters)
        let route = RouteFinding(adapter: name, folder: folder, files: workspace.configuration.routeFiles)
        let others = try route.problem == nil ? rivals(name, route, workspace, base) : (alike: [], claim: nil)
        let finding = InspectionFinding(
            name: name, inspection: inspection, route: route,
            overlaps: others.alike, claim: others.claim,
            likenesses: noCompare ? nil : likenesses(inspection, workspace, base), change: try change(inspection, workspace))
        print(json ? finding.json.serialized(pretty: true) : finding.text)
        if !finding.takesEffect { throw ExitCode(ExitStatus.no.rawValue) }
    }

    /// What the folder is called, or would be: one in a subfolder of the adapters folder has both names.
    private func name(in adapters: String) -> String {
        let parts = { (path: String) in URL(fileURLWithPath: path).resolvingSymlinksInPath().pathComponents }
        let (own, root) = (parts(folder), parts(adapters))
        let isInner = own.count == root.count + 2 && own.starts(with: root)
        return own.suffix(isInner ? 2 : 1).joined(separator: ".")
    }

    private func isFolder(_ path: String) -> Bool {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
    }

    private func change(_ inspection: AdapterInspection, _ workspace: Workspace) throws -> LogitChange? {
        guard !noModel, inspection.takesEffect, !inspection.dependsOnRequest, let delta = inspection.residentDelta else { return nil }
        return try LogitChange(delta, on: prompt, base: try workspace.base())
    }

    private func likenesses(_ inspection: AdapterInspection, _ workspace: Workspace, _ base: BaseWeights) -> [AdapterLikeness] {
        let store = workspace.configuration.openStore(for: base)
        _ = store.rescan()
        return store.likenesses(to: inspection, weights: base) { done, total in
            if done % 50 == 1 { Terminal.progress("comparing with adapter \(done) of \(total)") }
        }
    }

    /// Adapters whose examples are nearly those of this one, and the adapter that most of its texts went to until now.
    private func rivals(
        _ name: String, _ route: RouteFinding, _ workspace: Workspace, _ base: BaseWeights
    ) throws -> (alike: [(name: String, similarity: Float)], claim: RouteClaim?) {
        guard let definition = route.definition, let embedder = try workspace.configuration.openEmbedder(workspace.pool)
        else { return ([], nil) }
        let library = try workspace.configuration.openLibrary(for: base, embedder: nil)
        library.refresh()
        let others = library.shelf.entries.values.filter { $0.name != name }.compactMap(\.route)
        let router = workspace.configuration.openRouter(embedder)
        try router.update(others)
        let claims = try router.update(others + [definition])
        let alike: [(name: String, similarity: Float)] = router.overlaps().compactMap { pair in
            pair.first == name ? (pair.second, pair.similarity) : pair.second == name ? (pair.first, pair.similarity) : nil
        }
        return (alike, claims.first { $0.adapter == name })
    }
}
