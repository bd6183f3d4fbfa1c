import Adapters
import ArgumentParser
import Foundation
import Gateway
import JSON
import Models
import Routing

/// `lmoe adapters check`: would this folder load, and would it change anything?
struct AdaptersCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Load a folder against the base and say what it would do.",
        discussion: """
            EXAMPLES
              lmoe adapters check adapters/bash
              lmoe adapters check --json ~/Downloads/sql-lora

            Ends with status 3 when the folder has problems or would change nothing.
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var folders: FolderOptions
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")
    @Argument(help: "The adapter's folder.") var folder: String

    func run() throws {
        let workspace = try Workspace(model, flags: folders.flags)
        guard isFolder(folder) else { throw Failure(message: "\(folder): there is no such folder") }
        let base = try workspace.configuration.openBaseWeights()
        let inspection = AdapterInspection.inspect(
            folder: folder, base: base.configuration, weights: base, limits: workspace.configuration.limits.adapters)
        let name = URL(fileURLWithPath: folder).lastPathComponent
        let route = RouteFinding(adapter: name, folder: folder, files: workspace.configuration.routeFiles)
        let duplicates = route.problem == nil ? try overlaps(name, route, workspace, base) : []
        if json {
            print(document(inspection, route, duplicates, name).serialized(pretty: true))
        } else {
            print(InspectionText(inspection: inspection, route: route, duplicates: duplicates, name: name).text)
        }
        if !inspection.takesEffect { throw ExitCode(ExitStatus.no.rawValue) }
    }

    private func isFolder(_ path: String) -> Bool {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
    }

    /// Adapters whose examples are nearly those of this one.
    private func overlaps(
        _ name: String, _ route: RouteFinding, _ workspace: Workspace, _ base: BaseWeights
    ) throws -> [(name: String, similarity: Float)] {
        guard let definition = route.definition, let embedder = try workspace.configuration.openEmbedder(workspace.pool)
        else { return [] }
        let library = workspace.configuration.openLibrary(for: base, embedder: nil)
        library.refresh()
        let others = library.shelf.entries.values.filter { $0.name != name }.compactMap(\.route)
        let router = workspace.configuration.openRouter(embedder)
        try router.update(others + [definition])
        return router.overlaps().compactMap { pair in
            pair.first == name ? (pair.second, pair.similarity) : pair.second == name ? (pair.first, pair.similarity) : nil
        }
    }

    private func document(
        _ inspection: AdapterInspection, _ route: RouteFinding, _ duplicates: [(name: String, similarity: Float)],
        _ name: String
    ) -> JSONValue {
        let summary = inspection.summary
        return [
            "name": .string(name), "folder": .string(inspection.folder), "takes_effect": .bool(inspection.takesEffect),
            "family": summary.map { .string($0.family) } ?? .null,
            "rank": summary?.ranks.map { .integer(Int64($0.upperBound)) } ?? .null,
            "alpha": summary?.alpha.map(JSONValue.number) ?? .null,
            "targets": .array((summary?.targets ?? []).map(JSONValue.string)),
            "parameters": .integer(Int64(summary?.parameters ?? 0)), "file_bytes": .integer(Int64(inspection.fileBytes)),
            "bytes": .integer(Int64(inspection.residentBytes)), "version": inspection.version.map(JSONValue.string) ?? .null,
            "notices": .array((summary?.notices ?? []).map(JSONValue.string)), "chat_template": .bool(inspection.hasChatTemplate),
            "idle_targets": .array(inspection.idleTargets.map(JSONValue.string)), "routing": route.json,
            "near_duplicates": .array(
                duplicates.map { ["adapter": .string($0.name), "similarity": .number(Double($0.similarity))] }),
            "problems": .array(
                inspection.problems.map { ["code": .string($0.code.rawValue), "message": .string("\($0)")] }),
        ]
    }
}
